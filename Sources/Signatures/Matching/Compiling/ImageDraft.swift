import Terms

/// The sections of an image while they grow. Equal sets, texts and lists are kept once.
struct ImageDraft {
  var rules: [RuleRecord] = []
  var infos: [RuleInfo] = []
  var tests: [PacketTest] = []
  var applicationTests: [ApplicationTest] = []
  var states: [StateRecord] = []
  var names: [Int32] = []
  var rates: [RateRecord] = []
  var groups: [GroupRecord] = []
  var steps: [Step] = []
  var transforms: [UInt8] = []
  private(set) var bytes: [UInt8] = []
  private(set) var addressSets: [Span] = []
  private(set) var addresses: [AddressRange] = []
  private(set) var portSets: [Span] = []
  private(set) var ports: [PortRange] = []
  var scans: [ScanRecord] = []
  var portClasses: [PortClassRange] = []
  var banks: [Int32] = []
  var patternRules: [Span] = []
  private(set) var ruleLists: [Int32] = []
  var databases: [UInt8] = []
  var tails: [UInt8] = []
  var plain: [Span] = []
  var marks: [AddressMark] = []
  var figures = [Int64](repeating: 0, count: RuleImage.Figure.allCases.count)

  private var texts: [String: Span] = [:]
  private var strings: [[UInt8]: Span] = [:]
  private var knownAddresses: [AddressRanges: Int32] = [:]
  private var knownPorts: [PortRanges: Int32] = [:]
  private var knownLists: [[Int32]: Span] = [:]
  private var flowNames: [String: Int32] = [:]
  private var hostNames: [String: Int32] = [:]

  init() {}

  mutating func text(_ text: String) -> Span {
    if text.isEmpty { return Span() }
    if let known = texts[text] { return known }
    let span = append(Array(text.utf8))
    texts[text] = span
    return span
  }

  mutating func string(_ string: [UInt8]) -> Span {
    if let known = strings[string] { return known }
    let span = append(string)
    strings[string] = span
    return span
  }

  private mutating func append(_ string: [UInt8]) -> Span {
    let start = bytes.count
    bytes.append(contentsOf: string)
    return Span(start..<bytes.count)
  }

  /// -1 for any address.
  mutating func set(_ ranges: AddressRanges) -> Int32 {
    if ranges.isAny { return -1 }
    if let known = knownAddresses[ranges] { return known }
    let start = addresses.count
    addresses.append(
      contentsOf: ranges.elements.map { AddressRange(first: $0.first, last: $0.last) })
    addressSets.append(Span(start..<addresses.count))
    let place = Int32(addressSets.count - 1)
    knownAddresses[ranges] = place
    return place
  }

  /// -1 for any port.
  mutating func set(_ ranges: PortRanges) -> Int32 {
    if ranges.isAny { return -1 }
    if let known = knownPorts[ranges] { return known }
    let start = ports.count
    ports.append(
      contentsOf: ranges.elements.map { PortRange(first: $0.lowerBound, last: $0.upperBound) })
    portSets.append(Span(start..<ports.count))
    let place = Int32(portSets.count - 1)
    knownPorts[ranges] = place
    return place
  }

  mutating func list(_ rules: [Int32]) -> Span {
    if rules.isEmpty { return Span() }
    if let known = knownLists[rules] { return known }
    let start = ruleLists.count
    ruleLists.append(contentsOf: rules)
    let span = Span(start..<ruleLists.count)
    knownLists[rules] = span
    return span
  }

  mutating func flowName(_ name: String) -> Int32 { Self.number(name, in: &flowNames) }
  mutating func hostName(_ name: String) -> Int32 { Self.number(name, in: &hostNames) }

  private static func number(_ name: String, in names: inout [String: Int32]) -> Int32 {
    if let known = names[name] { return known }
    let number = Int32(names.count)
    names[name] = number
    return number
  }
}
