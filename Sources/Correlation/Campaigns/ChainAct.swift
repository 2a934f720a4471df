import Reports
import Terms

/// A report as a step that an attacker may have taken: what it needs, and what it gives.
struct ChainAct: Sendable, Codable {
  private(set) var report: Report
  private(set) var needs: Footholds
  private(set) var gives: Footholds
  /// Hosts named, in order.
  private(set) var sources: [IPAddress] = []
  private(set) var targets: [IPAddress] = []
  /// Hosts that the report says were taken, beyond what its kind gives.
  private(set) var taken: Set<IPAddress> = []
  /// The host inside from which others inside are attacked: whoever does that holds it, though nobody
  /// saw how he came there.
  private(set) var seat: IPAddress?
  /// Steps that it says must have been and nobody saw.
  private(set) var missing: [MissingStep] = []
  /// The campaign that it belongs to.
  var campaign: Int?
  /// Who took it, as far as logins and leases show.
  var actor: Actor?
  /// The steps that lead here.
  var predecessors: Set<ReportID> = []

  init(_ report: Report, _ definition: KindDefinition, _ context: CorrelationContext) {
    needs = definition.needs
    gives = definition.gives
    self.report = report
    self.report.summary = nil
    read(context)
  }

  /// Takes a newer revision; true when it says more about who did what to whom.
  mutating func revise(
    _ newer: Report, _ definition: KindDefinition, _ context: CorrelationContext
  ) -> Bool {
    let old = report
    report = newer
    report.summary = nil
    let isNew =
      old.kind != newer.kind || old.sources.count != newer.sources.count
      || old.targets.count != newer.targets.count || old.ports != newer.ports
      || old.attributes[Self.controls] != newer.attributes[Self.controls]
    guard isNew else { return false }
    needs = definition.needs
    gives = definition.gives
    read(context)
    return true
  }

  static let controls = "controls"
  static let stages = "stages"
  static let kinds = "kinds"

  private mutating func read(_ context: CorrelationContext) {
    sources = Self.hosts(report.sources)
    targets = Self.hosts(report.targets)
    // What a campaign told by a child holds, and what guessing led to. A host that is attacked and
    // attacks is taken.
    taken = []
    missing = []
    seat = nil
    if sources.count == 1, let only = sources.first, let given = gives.target, given >= .entry,
      isAttack, context.isHome(IPPrefix(host: only)),
      targets.contains(where: { context.isHome(IPPrefix(host: $0)) })
    {
      seat = only
    }
    guard !report.attributes.isEmpty else { return }
    if case .text(let list)? = report.attributes[Self.controls] {
      let named = list.split(separator: ",").prefix(AddressSet.listLimit)
      taken = Set(named.compactMap { IPAddress($0) })
    }
    if report.attributes[Self.stages] != nil { taken.formUnion(sources.filter(isAt)) }
    if !taken.isEmpty { taken = taken.filter { context.isHome(IPPrefix(host: $0)) } }
    missing = MissingStep.list(report)
  }

  private static func hosts(_ set: AddressSet) -> [IPAddress] {
    set.listed.lazy.filter(\.isHost).map(\.base)
  }

  func isFrom(_ host: IPAddress) -> Bool { sources.contains(host) }
  func isAt(_ host: IPAddress) -> Bool { targets.contains(host) }

  /// Who is behind it.
  var attacker: FootholdTable.Attacker { .init(sources) }

  /// Whether the two have a source in common.
  func sharesSource(with other: ChainAct) -> Bool {
    var (mine, theirs) = (0, 0)
    while mine < sources.count, theirs < other.sources.count {
      if sources[mine] == other.sources[theirs] { return true }
      if sources[mine] < other.sources[theirs] { mine += 1 } else { theirs += 1 }
    }
    return false
  }

  var id: ReportID { report.id }

  /// What it gives of a host.
  func foothold(at host: IPAddress) -> Foothold? {
    if taken.contains(host) || seat == host { return .control }
    return gives.target != nil && isAt(host) ? gives.target : nil
  }

  /// Shows the hosts of which it gives something.
  func eachGivenHost(_ body: (IPAddress) -> Void) {
    if gives.target != nil { for host in targets { body(host) } }
    for host in taken.sorted() where gives.target == nil || !isAt(host) { body(host) }
    if let seat, !taken.contains(seat), gives.target == nil || !isAt(seat) { body(seat) }
  }

  /// Whether it is a campaign by itself: a child has chained it, or somebody from elsewhere did it.
  var startsCampaign: Bool { isCampaign || actor?.isElsewhere ?? false }

  /// Whether a child has chained it.
  var isCampaign: Bool { report.attributes[Self.kinds] != nil }

  /// The families of the stages that it is made of, in order.
  var families: [String] {
    if case .text(let stages)? = report.attributes[Self.stages] {
      return stages.split(separator: ",").map(String.init)
    }
    return [String(report.kind.family)]
  }

  /// What is done by a host that was attacked only when it was taken: it turns on others.
  var isAttack: Bool {
    families.contains { ["recon", "access", "lateral"].contains($0) }
  }

  /// Whether it carries something out, as nobody does from a host that he does not hold.
  var isExit: Bool { families.contains { ["exfil", "c2"].contains($0) } }

  /// Order of what happened, which a drill's other ids do not change.
  static func precedes(_ left: ChainAct, _ right: ChainAct) -> Bool {
    let (mine, theirs) = (left.report, right.report)
    if (mine.first, mine.last, mine.kind, mine.monitor)
      != (theirs.first, theirs.last, theirs.kind, theirs.monitor)
    {
      return (mine.first, mine.last, mine.kind, mine.monitor)
        < (theirs.first, theirs.last, theirs.kind, theirs.monitor)
    }
    if mine.sources.listed != theirs.sources.listed {
      return mine.sources.listed.lexicographicallyPrecedes(theirs.sources.listed)
    }
    if mine.targets.listed != theirs.targets.listed {
      return mine.targets.listed.lexicographicallyPrecedes(theirs.targets.listed)
    }
    return left.id < right.id
  }

  /// Who began it.
  var root: IPAddress? {
    if case .address(let root)? = report.attributes["root"] { return root }
    return sources.first
  }
}

/// A step that must have been and that nobody saw.
struct MissingStep: Hashable, Sendable, Codable, Comparable {
  var step: Foothold
  var host: IPAddress

  static let attribute = "missing"

  /// As a campaign carries them: `entry 10.20.2.20,control 10.20.2.20`.
  static func list(_ report: Report) -> [MissingStep] {
    guard case .text(let text)? = report.attributes[attribute] else { return [] }
    return text.split(separator: ",").compactMap { item in
      let words = item.split(separator: " ")
      guard words.count == 2, let step = Foothold(rawValue: String(words[0])),
        let host = IPAddress(words[1])
      else { return nil }
      return MissingStep(step: step, host: host)
    }
  }

  var text: String { "\(step.rawValue) \(host)" }

  /// In words, without who should have seen it.
  var words: String {
    switch step {
    case .host: "no sweep of \(host) seen"
    case .service: "no scan of \(host) seen"
    case .entry: "no guess or exploit on \(host) seen"
    case .control: "no login or shell on \(host) seen"
    }
  }

  static func < (left: MissingStep, right: MissingStep) -> Bool {
    (left.host, left.step) < (right.host, right.step)
  }
}
