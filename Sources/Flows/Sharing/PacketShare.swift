/// What of a packet belongs to one of several engines that share a capture, and what was found out
/// about it before.
public struct PacketShare: OptionSet, Sendable {
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// An ICMP error whose complaint is about a flow of another engine.
  static let quotedElsewhere = PacketShare(rawValue: 1)
  /// An ICMP error's complaint alone: another engine counts the packet.
  static let quotedOnly = PacketShare(rawValue: 2)
  /// Put together from fragments: the bytes are a datagram without its IP header.
  static let datagram = PacketShare(rawValue: 4)
  /// A fragment that gave its datagram away as forged.
  static let forged = PacketShare(rawValue: 8)
}
