import Terms

/// Rules without bytes to look for, sorted by what they cost: those that only name addresses are
/// asked once for each flow and direction, the others for each packet that may answer to them.
struct PlainDraft {
  /// Places in the image's section `plain`.
  enum List {
    /// By the octet of TCP flags, 256 of them.
    static let tcp = 0
    /// By ICMP type.
    static let icmpv4 = 256
    static let icmpv6 = 512
    static let udp = 768
    static let other = 769
    /// Asked once for each flow and direction.
    static let flows = 770
    /// Asked when a session's parser has learnt something.
    static let application = 771
    static let count = 772
  }

  /// A set of more addresses than this does not tell much.
  private static let specificLimit: UInt64 = 1 << 24

  private var lists = [[Int32]](repeating: [], count: List.count)
  private var specific: [(ranges: AddressRanges, rule: Int32)] = []

  init() {}

  mutating func add(_ rule: Rule, _ number: Int32) {
    let isBare =
      rule.buffers.isEmpty
      && rule.packet.allSatisfy {
        if case .ipProtocol = $0 { return true }
        return $0 == .sameAddress
      }
    if isBare, !rule.application.isEmpty {
      lists[List.application].append(number)
    } else if isBare, rule.states.isEmpty, rule.flow == FlowCondition(),
      rule.header.sourcePorts.isAny, rule.header.destinationPorts.isAny
    {
      addByAddress(rule, number)
    } else {
      addByPacket(rule, number)
    }
  }

  private mutating func addByAddress(_ rule: Rule, _ number: Int32) {
    let sources = rule.header.sources.size
    let destinations = rule.header.destinations.size
    guard min(sources, destinations) <= Self.specificLimit else {
      lists[List.flows].append(number)
      return
    }
    let ranges = sources <= destinations ? rule.header.sources : rule.header.destinations
    specific.append((ranges, number))
  }

  private mutating func addByPacket(_ rule: Rule, _ number: Int32) {
    let transports = RuleTransports(rule.header.protocol)
    if transports.contains(.tcp) {
      for flags in 0..<256 where rule.packet.allSatisfy({ $0.accepts(flags: UInt8(flags)) }) {
        lists[List.tcp + flags].append(number)
      }
    }
    if transports.contains(.udp) { lists[List.udp].append(number) }
    if transports.contains(.icmp) {
      for type in 0..<256 where rule.packet.allSatisfy({ $0.accepts(type: UInt32(type)) }) {
        if rule.header.protocol.transport != .icmpv6 { lists[List.icmpv4 + type].append(number) }
        if rule.header.protocol.transport != .icmpv4 { lists[List.icmpv6 + type].append(number) }
      }
    }
    if transports.contains(.other) { lists[List.other].append(number) }
  }

  func finish(_ draft: inout ImageDraft, _ rules: [Rule]) {
    draft.plain = lists.map { draft.list($0) }
    var edges: [(address: IPAddress, rule: Int32, isStart: Bool)] = []
    for (ranges, rule) in specific {
      for range in ranges.elements {
        edges.append((range.first, rule, true))
        if let after = range.last.next { edges.append((after, rule, false)) }
      }
    }
    edges.sort { $0.address < $1.address }
    var active: [Int32: Int] = [:]
    var place = 0
    while place < edges.count {
      let address = edges[place].address
      while place < edges.count, edges[place].address == address {
        active[edges[place].rule, default: 0] += edges[place].isStart ? 1 : -1
        if active[edges[place].rule] == 0 { active[edges[place].rule] = nil }
        place += 1
      }
      draft.marks.append(
        AddressMark(first: address, rules: draft.list(active.keys.sorted())))
    }
  }
}

extension AddressRanges {
  /// Addresses, as far as they can be counted.
  fileprivate var size: UInt64 {
    elements.reduce(0) { sum, range in
      guard range.first.high == range.last.high else { return .max }
      let (size, overflow) = sum.addingReportingOverflow(range.last.low - range.first.low)
      return overflow ? .max : size
    }
  }
}

extension IPAddress {
  fileprivate var next: IPAddress? {
    if low != .max { return IPAddress(high: high, low: low + 1) }
    return high == .max ? nil : IPAddress(high: high + 1, low: 0)
  }
}

extension PacketCondition {
  fileprivate func accepts(flags: UInt8) -> Bool {
    guard case .tcpFlags(let test) = self else { return true }
    return test.accepts(flags)
  }

  fileprivate func accepts(type: UInt32) -> Bool {
    guard case .icmpType(let range) = self else { return true }
    return (range.low...range.high).contains(type) != range.isNegated
  }
}
