import Reports
import Terms

/// A report as a step that an attacker may have taken: what it needs, and what it gives.
///
/// Its parts stand in a list of one: acts are looked at far more often than they change, and a copy
/// costs no more than a pointer.
struct ChainAct: Sendable, Codable {
  fileprivate struct Parts: Sendable, Codable {
    var report: Report
    var needs: Footholds
    var gives: Footholds
    var sources: [IPAddress] = []
    var targets: [IPAddress] = []
    var taken: Set<IPAddress> = []
    var seat: IPAddress?
    var missing: [MissingStep] = []
    var isCampaign = false
    var actor: Actor?
    var predecessors: Set<ReportID> = []
  }

  private var parts: [Parts]

  var report: Report { parts[0].report }
  var needs: Footholds { parts[0].needs }
  var gives: Footholds { parts[0].gives }
  /// Hosts named, in order.
  var sources: [IPAddress] { parts[0].sources }
  var targets: [IPAddress] { parts[0].targets }
  /// Hosts that the report says were taken, beyond what its kind gives.
  var taken: Set<IPAddress> { parts[0].taken }
  /// The host inside from which others inside are attacked: whoever does that holds it, though nobody
  /// saw how he came there.
  var seat: IPAddress? { parts[0].seat }
  /// Steps that it says must have been and nobody saw.
  var missing: [MissingStep] { parts[0].missing }
  /// Whether a child has chained it.
  var isCampaign: Bool { parts[0].isCampaign }
  /// Who took it, as far as logins and leases show.
  var actor: Actor? {
    get { parts[0].actor }
    set { parts[0].actor = newValue }
  }
  /// The steps that lead here.
  var predecessors: Set<ReportID> {
    get { parts[0].predecessors }
    _modify { yield &parts[0].predecessors }
  }

  init(_ report: Report, _ step: Step, _ site: AttackChains.Site) {
    parts = [Parts(report: report.withoutRows, needs: step.needs, gives: step.gives)]
    parts[0].read(step, site)
  }

  /// What a kind of report is as a step.
  struct Step: Sendable {
    let needs: Footholds
    let gives: Footholds
    /// Whether its reports may say what was chained below.
    let isTelling: Bool

    init(_ definition: KindDefinition) {
      needs = definition.needs
      gives = definition.gives
      isTelling = [ChainAct.controls, ChainAct.stages, ChainAct.kinds, MissingStep.attribute]
        .contains { definition.fields[$0] != nil }
    }
  }

  /// Whether a newer revision says more about who did what to whom.
  func differs(from newer: Report, _ step: Step) -> Bool {
    report.kind != newer.kind || report.sources.count != newer.sources.count
      || report.targets.count != newer.targets.count || report.ports != newer.ports
      || step.isTelling && report.attributes[Self.controls] != newer.attributes[Self.controls]
  }

  /// Whether a newer revision has the same to say of all its hosts, and perhaps more of further targets.
  func isWithin(_ newer: Report, _ step: Step) -> Bool {
    !step.isTelling && report.kind == newer.kind
      && report.sources.listed == newer.sources.listed
      && newer.targets.names(all: report.targets.listed)
  }

  /// Takes a newer revision.
  /// - Parameter isNew: whether it differs, so that what it says of hosts is read anew.
  mutating func revise(_ newer: Report, _ step: Step, _ site: AttackChains.Site, isNew: Bool) {
    parts[0].report = newer.withoutRows
    guard isNew else {
      parts[0].isCampaign = step.isTelling && newer.attributes[Self.kinds] != nil
      return
    }
    parts[0].needs = step.needs
    parts[0].gives = step.gives
    parts[0].read(step, site)
  }

  static let controls = "controls"
  static let stages = "stages"
  static let kinds = "kinds"
}

extension ChainAct.Parts {
  fileprivate mutating func read(_ step: ChainAct.Step, _ site: AttackChains.Site) {
    sources = ChainAct.hosts(report.sources)
    targets = ChainAct.hosts(report.targets)
    // What a campaign told by a child holds, and what guessing led to. A host that is attacked and
    // attacks is taken.
    taken = []
    missing = []
    seat = nil
    isCampaign = false
    if sources.count == 1, let only = sources.first, let given = gives.target, given >= .entry,
      site.context.isHome(IPPrefix(host: only)), ChainAct.isAttack(report),
      targets.contains(where: { site.context.isHome(IPPrefix(host: $0)) })
    {
      seat = only
    }
    guard step.isTelling, !report.attributes.isEmpty else { return }
    isCampaign = report.attributes[ChainAct.kinds] != nil
    if case .text(let list)? = report.attributes[ChainAct.controls] {
      let named = list.split(separator: ",").prefix(AddressSet.listLimit)
      taken = Set(named.compactMap { IPAddress($0) })
    }
    if report.attributes[ChainAct.stages] != nil {
      taken.formUnion(sources.filter(targets.contains))
    }
    if !taken.isEmpty { taken = taken.filter { site.context.isHome(IPPrefix(host: $0)) } }
    missing = MissingStep.list(report)
  }
}

extension Report {
  /// The report without what evidence lists.
  fileprivate var withoutRows: Report {
    guard summary != nil else { return self }
    var copy = self
    copy.summary = nil
    return copy
  }
}

extension ChainAct {
  fileprivate static func hosts(_ set: AddressSet) -> [IPAddress] {
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

  /// The families of the stages that it is made of, in order.
  var families: [String] { Self.families(report) }

  fileprivate static func families(_ report: Report) -> [String] {
    if case .text(let stages)? = report.attributes[Self.stages] {
      return stages.split(separator: ",").map(String.init)
    }
    return [report.kind.family]
  }

  /// What is done by a host that was attacked only when it was taken: it turns on others.
  var isAttack: Bool { Self.isAttack(report) }

  fileprivate static func isAttack(_ report: Report) -> Bool {
    families(report).contains { ["recon", "access", "lateral"].contains($0) }
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
