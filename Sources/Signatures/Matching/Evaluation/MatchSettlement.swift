import Terms

/// The last word on matches, which depends on earlier ones of other flows: bits of hosts, thresholds
/// and filters. One for a whole capture, however many inspectors read it; matches come in the order
/// of event time.
public struct MatchSettlement: Sendable {
  private let image: RuleImage
  /// Rules that test bits of hosts, and may be asked for everything else before.
  private let deferred: Set<Int32>
  private var memory = MatchMemory()

  public init(_ set: SignatureSet) {
    image = set.image
    deferred = set.deferredRules
  }

  /// What bounded tables turned away.
  public var losses: UInt64 { memory.losses }

  /// Whether the rule's tests of hosts are made here, not when it is evaluated.
  func isDeferred(_ rule: Int32) -> Bool { deferred.contains(rule) }

  func passes(_ state: StateRecord, _ scene: Scene) -> Bool {
    memory.isSet(state.subject, image.names[state.names.start], scene) == (state.operation == 1)
  }

  func changesHosts(_ rule: UnsafePointer<RuleRecord>) -> Bool {
    rule.pointee.changes.range.contains { image.states[$0].subject.isOfHosts }
  }

  /// Takes in a match; returns whether it is told.
  public mutating func passes(_ match: SignatureMatch) -> Bool {
    let rule = image.rules.base + Int(match.rule)
    let scene = Scene(match)
    if isDeferred(match.rule) {
      for place in rule.pointee.states.range where image.states[place].subject.isOfHosts {
        guard passes(image.states[place], scene) else { return false }
      }
    }
    for place in rule.pointee.changes.range where image.states[place].subject.isOfHosts {
      let change = image.states[place]
      memory.change(
        change.subject, image.names[change.names.start],
        BitChange(rawValue: change.operation) ?? .set, seconds: change.seconds, scene)
    }
    guard !match.isSilent else { return false }
    if rule.pointee.filter >= 0,
      !memory.passesFilter(image.rates[rule.pointee.filter], rule: match.rule, scene)
    {
      return false
    }
    return rule.pointee.threshold < 0
      || memory.passes(image.rates[rule.pointee.threshold], rule: match.rule, scene)
  }
}

extension SignatureSet {
  private func testsHosts(_ rule: RuleRecord) -> Bool {
    rule.states.range.contains { image.states[$0].subject.isOfHosts }
  }

  /// Whether what the rule does to its flow waits for what hosts have.
  private func isEntangled(_ rule: RuleRecord) -> Bool {
    rule.traits.contains(.isPass)
      || rule.changes.range.contains { !image.states[$0].subject.isOfHosts }
  }

  var deferredRules: Set<Int32> {
    Set(
      (0..<Int32(image.rules.count)).filter {
        testsHosts(image.rules[$0]) && !isEntangled(image.rules[$0])
      })
  }

  /// Whether several inspectors may share the work: no rule lets a flow pass, or changes its bits,
  /// by what another flow left with a host.
  public var isShareable: Bool {
    (0..<Int32(image.rules.count)).allSatisfy {
      !testsHosts(image.rules[$0]) || !isEntangled(image.rules[$0])
    }
  }
}

extension StateRecord.Subject {
  var isOfHosts: Bool { self == .sourceBit || self == .destinationBit || self == .pairBit }
}

extension Scene {
  /// What of a match the memory of hosts and rates looks at.
  init(_ match: SignatureMatch) {
    source = match.source
    destination = match.destination
    sourcePort = match.sourcePort
    destinationPort = match.destinationPort
    transport = match.transport.number
    time = match.time
  }
}

extension SignatureMatch {
  /// Those of several inspectors in the order in which one would have found them.
  public static func merged(_ runs: [[SignatureMatch]]) -> [SignatureMatch] {
    let filled = runs.filter { !$0.isEmpty }
    guard filled.count > 1 else { return filled.first ?? [] }
    return filled.joined().enumerated().sorted { left, right in
      (left.element.moment, left.element.order, left.offset)
        < (right.element.moment, right.element.order, right.offset)
    }.map(\.element)
  }
}
