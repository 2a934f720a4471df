/// The head of a rule: `alert tcp $HOME_NET any -> $EXTERNAL_NET [80,8080]`.
public struct RuleHeader: Sendable, Equatable {
  public var `protocol` = RuleProtocol()
  public var sources = AddressRanges.any
  public var sourcePorts = PortRanges.any
  public var destinations = AddressRanges.any
  public var destinationPorts = PortRanges.any
  /// `<>`: source and destination may be swapped.
  public var isBidirectional = false

  public init() {}
}

/// What traffic a rule is for.
public struct RuleProtocol: Sendable, Hashable {
  public var transport = RuleTransport.any
  /// The application protocol, if the rule names one (`alert http …`).
  public var application: ApplicationProtocol?
  /// What the conditions on raw payload look at.
  public var scope = PayloadScope.packetAndStream

  public init() {}
}

public enum RuleTransport: UInt8, Sendable, CaseIterable {
  case any, tcp, udp, icmp, sctp
  /// ICMP of one version only.
  case icmpv4, icmpv6
  /// Any transport over one version of IP only.
  case ipv4, ipv6
}

/// Where raw payload comes from, for TCP; other transports have packets only.
public enum PayloadScope: UInt8, Sendable {
  /// `tcp`: the reassembled stream, and each packet where the rule's conditions (dsize, depth and
  /// offset of a first content) speak of packets.
  case packetAndStream
  /// `tcp-pkt`, `flow:no_stream`.
  case packet
  /// `tcp-stream`, `flow:only_stream`.
  case stream
}

/// The application protocols that Beryl's session parsers tell apart. The raw value is the name in
/// rules.
public enum ApplicationProtocol: String, Sendable, CaseIterable {
  case dhcp, dns, ftp, http, imap, ntp, pop3, rdp, smb, smtp, snmp, ssh, telnet, tls
}
