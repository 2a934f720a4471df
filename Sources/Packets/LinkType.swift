/// What a capture's frames begin with (the LINKTYPE registry of tcpdump.org, and libpcap's DLT
/// values on Linux).
@frozen public enum LinkType: Hashable, Sendable {
  case ethernet
  /// A bare IPv4 or IPv6 packet, told apart by its first nibble.
  case rawIP
  /// A four-byte address family in either byte order, then IP (BSD loopback).
  case loopback
  /// Linux cooked capture, as the `any` interface of older libpcap gives it.
  case linuxCooked
  /// Linux cooked capture, version 2.
  case linuxCooked2
  /// A type the decoder cannot read: its frames count as `Packet.Content.other`.
  case unknown(UInt32)

  /// From the number in a capture file, or from `pcap_datalink`.
  public init(number: UInt32) {
    switch number {
    case 1: self = .ethernet
    case 12, 14, 101, 228, 229: self = .rawIP
    case 0, 108: self = .loopback
    case 113: self = .linuxCooked
    case 276: self = .linuxCooked2
    default: self = .unknown(number)
    }
  }

  /// The number to write into a capture file.
  public var number: UInt32 {
    switch self {
    case .ethernet: 1
    case .rawIP: 101
    case .loopback: 0
    case .linuxCooked: 113
    case .linuxCooked2: 276
    case .unknown(let number): number
    }
  }
}
