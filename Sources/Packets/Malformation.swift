/// Everything that can be wrong with a frame's headers, one case each; the raw value is its bit in
/// `Malformations`.
///
/// A malformation ends the decoding of its layer unless its comment says otherwise; the layers
/// before it are valid. Where a capture was cut by a snap length, a header that is not wholly
/// captured counts as truncated too.
public enum Malformation: UInt8, Sendable, Hashable, CaseIterable {
  /// The frame ends inside its link-layer header.
  case linkTruncated
  /// The frame ends inside an IEEE 802.1Q tag.
  case vlanTruncated
  /// More than `EthernetHeader.tagLimit` stacked tags.
  case vlanDepth
  /// An IEEE 802.3 length claims more bytes than the frame has on the wire.
  case llcLength
  /// The link says IP, the first nibble is neither 4 nor 6 (raw IP links).
  case ipVersion
  /// The frame ends inside an ARP packet.
  case arpTruncated
  /// The address lengths of an ARP packet contradict its address types (RFC 826).
  case arpLength
  /// The frame ends inside the IPv4 header or its options.
  case ipv4Truncated
  /// EtherType 0x0800, but the version is not 4.
  case ipv4Version
  /// An IPv4 header length below 20 bytes.
  case ipv4HeaderLength
  /// An IPv4 total length below the header's own length.
  case ipv4TotalLength
  /// An IPv4 total length beyond the bytes on the wire; decoding goes on with the bytes there are.
  case ipv4PastFrame
  /// An IPv4 option without length, or with one below 2 or past the header; decoding goes on behind
  /// the options.
  case ipv4Option
  /// The frame ends inside the IPv6 header.
  case ipv6Truncated
  /// EtherType 0x86dd, but the version is not 6.
  case ipv6Version
  /// An IPv6 payload length beyond the bytes on the wire; decoding goes on with the bytes there
  /// are.
  case ipv6PastFrame
  /// The packet ends inside an IPv6 extension header.
  case ipv6ExtensionTruncated
  /// More than `IPv6Header.extensionLimit` extension headers.
  case ipv6ExtensionChain
  /// A fragment whose datagram would be longer than 65,535 bytes: ping of death. The fragment stays
  /// visible.
  case fragmentPastEnd
  /// A fragment before the last that is empty or whose length is no multiple of 8. The fragment
  /// stays visible.
  case fragmentLength
  /// A first fragment without room for its transport header (RFC 1858): a filter evasion.
  case fragmentTiny
  /// The packet ends inside the TCP header or its options.
  case tcpTruncated
  /// A TCP data offset below 20 bytes.
  case tcpDataOffset
  /// A TCP option without length, or with one below 2 or past the header; the header stays valid.
  case tcpOption
  /// The packet ends inside the UDP header.
  case udpTruncated
  /// A UDP length below 8 or beyond the IP payload.
  case udpLength
  /// The packet ends inside the 8 bytes every ICMP message has.
  case icmpTruncated
  /// The packet ends inside the 8 bytes every ICMPv6 message has.
  case icmpv6Truncated
  /// An ICMP or ICMPv6 error without a whole IP header of the packet it complains of; the ICMP
  /// header stays valid.
  case icmpEmbedded
  /// The packet ends inside the SCTP common header.
  case sctpTruncated
  /// An SCTP first chunk that is cut, shorter than its own header, or past the packet; the header
  /// stays valid.
  case sctpChunk

  /// The case's name in statistics, such as `ipv4-total-length`.
  public var name: String {
    var name = ""
    for character in "\(self)" {
      if character.isUppercase { name += "-" }
      name += character.lowercased()
    }
    return name
  }
}

/// Malformations met while decoding one packet.
@frozen public struct Malformations: OptionSet, Sendable, Hashable {
  public var rawValue: UInt64

  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The set of one.
  public init(_ malformation: Malformation) { rawValue = 1 &<< UInt64(malformation.rawValue) }

  public func contains(_ malformation: Malformation) -> Bool {
    !isDisjoint(with: Malformations(malformation))
  }

  mutating func insert(_ malformation: Malformation) { formUnion(Malformations(malformation)) }
}

extension Malformations: CustomStringConvertible {
  /// Names in the order of the layers, joined by commas; empty for none.
  public var description: String {
    Malformation.allCases.filter(contains).map(\.name).joined(separator: ",")
  }
}
