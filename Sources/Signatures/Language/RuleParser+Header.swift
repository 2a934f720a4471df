extension RuleAction {
  init?(word: RuleSlice) {
    if word.isWord("alert") {
      self = .alert
    } else if word.isWord("pass") {
      self = .pass
    } else if word.isWord("drop") {
      self = .drop
    } else if word.hasPrefix("reject"), word.count <= 10 {
      guard ["reject", "rejectsrc", "rejectdst", "rejectboth"].contains(word.text) else {
        return nil
      }
      self = .reject
    } else if word.isWord("log") {
      self = .log
    } else {
      return nil
    }
  }
}

extension RuleParser {
  mutating func readHeader(_ header: RuleSlice) throws(RuleFault) {
    var rest = header
    let action = rest.nextWord()
    guard let known = RuleAction(word: action) else {
      throw RuleFault(action.start, "\(action.quoted) is no action")
    }
    rule.action = known
    try readProtocol(rest.nextWord())
    let words = try Self.words(rest)
    guard words.count == 5 else {
      throw RuleFault(
        words.first?.start ?? rest.start,
        "the head has \(words.count) of 5 parts: addresses, ports, direction, addresses, ports")
    }
    rule.header.sources = try vocabulary.addresses.read(words[0])
    rule.header.sourcePorts = try vocabulary.ports.read(words[1])
    if words[2].isWord("<>") {
      rule.header.isBidirectional = true
    } else if !words[2].isWord("->") {
      throw RuleFault(words[2].start, "\(words[2].quoted) is neither -> nor <>")
    }
    rule.header.destinations = try vocabulary.addresses.read(words[3])
    rule.header.destinationPorts = try vocabulary.ports.read(words[4])
  }

  /// The parts between the blanks that are in no list.
  private static func words(_ slice: RuleSlice) throws(RuleFault) -> [RuleSlice] {
    var words: [RuleSlice] = []
    words.reserveCapacity(5)
    var depth = 0
    var start: Int?
    for position in slice.start..<max(slice.start, slice.end) {
      let octet = slice[position]
      if octet == UInt8(ascii: "[") { depth += 1 }
      if octet == UInt8(ascii: "]") { depth -= 1 }
      if octet.isBlank, depth <= 0 {
        if let first = start {
          words.append(RuleSlice(base: slice.base, start: first, end: position))
        }
        start = nil
      } else if start == nil {
        start = position
      }
    }
    if let first = start {
      guard depth <= 0 else { throw RuleFault(first, "a '[' without ']'") }
      words.append(RuleSlice(base: slice.base, start: first, end: slice.end))
    }
    return words
  }

  private mutating func readProtocol(_ word: RuleSlice) throws(RuleFault) {
    let name = word.text.lowercased()
    switch name {
    case "ip", "ip4", "ipv4", "ip6", "ipv6":
      rule.header.protocol.transport =
        name == "ip" ? .any : name.hasSuffix("4") ? .ipv4 : .ipv6
    case "tcp": rule.header.protocol.transport = .tcp
    case "tcp-pkt":
      rule.header.protocol.transport = .tcp
      rule.header.protocol.scope = .packet
    case "tcp-stream":
      rule.header.protocol.transport = .tcp
      rule.header.protocol.scope = .stream
    case "udp": rule.header.protocol.transport = .udp
    case "icmp": rule.header.protocol.transport = .icmp
    case "icmpv4": rule.header.protocol.transport = .icmpv4
    case "icmpv6": rule.header.protocol.transport = .icmpv6
    case "sctp": rule.header.protocol.transport = .sctp
    default:
      guard let application = ApplicationProtocol(ruleName: name) else {
        let isKnown = Self.foreignProtocols.contains(name)
        throw RuleFault(
          word.start,
          isKnown
            ? "Beryl has no parser of the protocol \(word.quoted)"
            : "\(word.quoted) is no protocol")
      }
      rule.header.protocol.application = application
      rule.header.protocol.transport = application.transport
    }
  }

  private static let foreignProtocols: Set<String> = [
    "arp", "bittorrent-dht", "dcerpc", "dnp3", "enip", "ftp-data", "http2", "ike", "ikev2", "irc",
    "jabber", "krb5",
    "ldap", "modbus", "mqtt", "msn", "nfs", "pgsql", "pkthdr", "quic", "rfb", "sip", "template",
    "tftp", "ether", "websocket",
  ]
}

extension ApplicationProtocol {
  /// By its name in rules, and other names it has there.
  init?(ruleName name: String) {
    switch name {
    case "ssl": self = .tls
    case "http1": self = .http
    default: self.init(rawValue: name)
    }
  }

  /// What carries it.
  var transport: RuleTransport {
    switch self {
    case .dns, .rdp, .snmp: .any
    case .dhcp, .ntp: .udp
    case .ftp, .http, .imap, .pop3, .smb, .smtp, .ssh, .telnet, .tls: .tcp
    }
  }
}
