import Terms

/// Rules to an image: records in evaluation order, and for each scan point what to look for there.
struct RuleCompiler {
  var draft = ImageDraft()
  var points = [PointDraft](repeating: PointDraft(), count: ScanPoint.count)
  var banks: [BankKey: PointDraft] = [:]
  var plain = PlainDraft()
  var expressions: Int32 = 0

  private init() {}

  /// nil when Hyperscan refuses the contents, which it says in `fault`.
  static func compile(_ set: RuleSet) throws(SignatureFault) -> RuleImage {
    var compiler = RuleCompiler()
    let rules = set.rules.sorted { order($0) < order($1) }
    for rule in rules { compiler.add(rule) }
    compiler.draft.figures[RuleImage.Figure.expressions.rawValue] = Int64(compiler.expressions)
    compiler.draft.figures[RuleImage.Figure.unsupported.rawValue] = Int64(set.unsupported.count)
    compiler.draft.figures[RuleImage.Figure.files.rawValue] = Int64(set.files.count)
    compiler.plain.finish(&compiler.draft, rules)
    try compiler.finishPoints()
    guard let image = RuleImage.assemble(compiler.draft) else { throw .unsound }
    return image
  }

  /// `pass` first; then who writes bits before who reads them, so that rules of one packet see each
  /// other; else as they stand, which `sorted` keeps by the last part.
  private static func order(_ rule: Rule) -> (UInt8, UInt8, Int32, Int32) {
    let writes = !rule.changes.isEmpty
    let reads = !rule.states.isEmpty
    let state: UInt8 = writes ? (reads ? 1 : 0) : (reads ? 2 : 3)
    return (rule.action == .pass ? 0 : 1, state, rule.file, rule.line)
  }

  private mutating func add(_ rule: Rule) {
    let number = Int32(draft.rules.count)
    var record = RuleRecord()
    record.transport = rule.header.protocol.transport.rawValue
    record.application = rule.header.protocol.application?.code ?? 0
    record.sources = draft.set(rule.header.sources)
    record.destinations = draft.set(rule.header.destinations)
    record.sourcePorts = draft.set(rule.header.sourcePorts)
    record.destinationPorts = draft.set(rule.header.destinationPorts)
    record.traits = Self.traits(rule)
    record.tests = addTests(rule.packet)
    record.applicationTests = addApplicationTests(rule.application)
    record.states = addStates(rule.states)
    record.changes = addChanges(rule.changes)
    if let threshold = rule.threshold {
      record.threshold = addRate(
        kind: threshold.kind.rawValue, threshold.subject, threshold.count, threshold.seconds)
    }
    if let filter = rule.detectionFilter {
      record.filter = addRate(kind: 0, filter.subject, filter.count, filter.seconds)
    }
    let start = draft.groups.count
    for group in rule.buffers { addGroup(group) }
    record.groups = Span(start..<draft.groups.count)
    draft.rules.append(record)
    draft.infos.append(info(rule))
    index(rule, number, record)
  }

  private mutating func info(_ rule: Rule) -> RuleInfo {
    var info = RuleInfo()
    info.generator = rule.generator
    info.signature = rule.signature
    info.revision = rule.revision
    info.priority = rule.priority
    info.message = draft.text(rule.message)
    info.classification = draft.text(rule.classification)
    info.references = draft.text(
      rule.references.map { "\($0.system),\($0.identifier)" }.joined(separator: " "))
    info.metadata = draft.text(rule.metadata.text)
    return info
  }

  private mutating func addRate(
    kind: UInt8, _ subject: RateSubject, _ count: UInt32, _ seconds: UInt32
  ) -> Int32 {
    draft.rates.append(
      RateRecord(
        kind: kind, subject: subject.rawValue, count: max(count, 1), seconds: max(seconds, 1)))
    return Int32(draft.rates.count - 1)
  }

  private static func traits(_ rule: Rule) -> RuleTraits {
    var traits: RuleTraits = []
    if rule.flow.direction != .toClient { traits.insert(.toServer) }
    if rule.flow.direction != .toServer { traits.insert(.toClient) }
    if rule.flow.isEstablished == true { traits.insert(.needsEstablished) }
    if rule.flow.isEstablished == false { traits.insert(.needsUnestablished) }
    if rule.header.isBidirectional { traits.insert(.isBidirectional) }
    if rule.isSilent { traits.insert(.isSilent) }
    if rule.action == .pass { traits.insert(.isPass) }
    if rule.target == .source { traits.insert(.targetsSource) }
    if rule.target == .destination { traits.insert(.targetsDestination) }
    traits.formUnion(readings(rule))
    return traits
  }

  /// Where a rule's conditions on payload look, for TCP: what speaks of one packet's headers or size
  /// looks at packets; a content at a fixed place looks at both, since a packet may begin what
  /// counts (as Suricata has it).
  private static func readings(_ rule: Rule) -> RuleTraits {
    let needsPacket = rule.packet.contains {
      switch $0 {
      case .sameAddress, .ipProtocol, .streamSize: false
      default: true
      }
    }
    let readsHeaders = rule.buffers.contains { $0.buffer.isHeader }
    if needsPacket || readsHeaders { return [.readsPackets, .needsPacket] }
    switch rule.header.protocol.scope {
    case .packet: return .readsPackets
    case .stream: return .readsStream
    case .packetAndStream: break
    }
    let hasPlace = rule.buffers.contains { group in
      group.buffer == .payload
        && group.conditions.contains {
          guard case .content(let content) = $0 else { return false }
          return content.depth != nil || content.offset != nil || content.startsBuffer
        }
    }
    return hasPlace ? [.readsStream, .readsPackets] : .readsStream
  }
}

/// Why rules cannot be made ready.
public enum SignatureFault: Error, CustomStringConvertible {
  /// Hyperscan's own words.
  case patterns(String)
  case unsound
  case unreadable(file: String)

  public var description: String {
    switch self {
    case .patterns(let reason): "rules: the contents cannot be compiled: \(reason)"
    case .unsound: "rules: the compiled rules do not fit together"
    case .unreadable(let file): "\(file): the rules cannot be read"
    }
  }
}

extension StickyBuffer {
  /// Headers of one packet.
  var isHeader: Bool {
    switch self {
    case .ipv4Header, .ipv6Header, .tcpHeader, .udpHeader, .icmpv4Header, .icmpv6Header: true
    default: false
    }
  }
}
