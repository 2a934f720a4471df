import Hierarchy
import Reports
import Terms

/// What a campaign amounts to: its stages in order, what holds them together, and what is missing.
struct ChainStory: Sendable {
  let acts: [ChainAct]
  private let links: [ChainLink]
  private let byID: [ReportID: ChainAct]
  /// The most that one act gives of each host, and the most that another does.
  private let held: [IPAddress: (most: Foothold, by: ReportID, next: Foothold?)]
  let families: [String]

  init(_ campaign: AttackChains.Campaign, acts all: [ChainAct?]) {
    acts = campaign.members.compactMap { all[Int($0)] }.sorted(by: ChainAct.precedes)
    byID = Dictionary(acts.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    held = Self.held(acts)
    let places = Dictionary(
      acts.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    links = campaign.links.values.sorted { left, right in
      (places[left.after] ?? 0, places[left.before] ?? 0, left.host)
        < (places[right.after] ?? 0, places[right.before] ?? 0, right.host)
    }
    families = Self.joined(acts)
  }

  var first: ChainAct { acts[0] }

  private static func held(
    _ acts: [ChainAct]
  ) -> [IPAddress: (most: Foothold, by: ReportID, next: Foothold?)] {
    var held: [IPAddress: (most: Foothold, by: ReportID, next: Foothold?)] = [:]
    for act in acts {
      act.eachGivenHost { host in
        guard let own = act.foothold(at: host) else { return }
        guard let known = held[host] else {
          held[host] = (own, act.id, nil)
          return
        }
        if own > known.most {
          held[host] = (own, act.id, known.most)
        } else if known.next.map({ own > $0 }) ?? true {
          held[host]?.next = own
        }
      }
    }
    return held
  }

  /// Whether an act other than `id` gives at least `step` of the host.
  private func isHeld(_ host: IPAddress, _ step: Foothold, besides id: ReportID) -> Bool {
    guard let known = held[host] else { return false }
    return known.by == id ? known.next.map { $0 >= step } ?? false : known.most >= step
  }

  /// Two families; or, within one, that somebody got in where he had tried, or went on from there.
  var isWorthTelling: Bool {
    // One that a child has chained is told on, as it is.
    guard acts.count > 1 else {
      return acts.first?.report.attributes[ChainAct.kinds] != nil
        || acts.first?.actor?.isElsewhere ?? false
    }
    return families.count > 1 || links.contains { $0.tie == .actor }
      || (families == ["access"]
        && (links.contains { $0.tie == .host }
          || acts.contains { $0.gives.target == .control && !$0.predecessors.isEmpty }))
  }

  /// Steps as they come to one who goes on: for stages of which nobody tells the order.
  private static let usual = ["recon", "access", "lateral", "c2", "exfil"]

  /// The stages of all acts, those that began earlier first; those within campaigns, of which only
  /// the beginning is known, in the campaign's order.
  private static func joined(_ acts: [ChainAct]) -> [String] {
    var order: [String] = []
    var lists: [[String]] = []
    for act in acts {
      let families = act.families
      for family in families where !order.contains(family) { order.append(family) }
      if families.count > 1 { lists.append(families) }
    }
    guard !lists.isEmpty else { return order }
    var begun: [String: CaptureTime] = [:]
    var earliest: [String: CaptureTime] = [:]
    for act in acts {
      let first = act.report.first
      for (index, family) in act.families.enumerated() {
        if index == 0 { begun[family] = min(begun[family] ?? first, first) }
        earliest[family] = min(earliest[family] ?? first, first)
      }
    }
    func rank(_ family: String) -> Int { usual.firstIndex(of: family) ?? usual.count }
    func isBefore(_ left: String, _ right: String) -> Bool {
      let floor = (earliest[left] ?? .distantPast, earliest[right] ?? .distantPast)
      let isFirst = begun[left].map { $0 <= floor.1 } ?? false
      let isSecond = begun[right].map { $0 <= floor.0 } ?? false
      if isFirst != isSecond { return isFirst }
      // The longest campaign that has both says; else what is usual.
      let both = lists.filter { $0.contains(left) && $0.contains(right) }
      guard let list = both.max(by: { $0.count < $1.count }), let mine = list.firstIndex(of: left),
        let theirs = list.firstIndex(of: right)
      else { return rank(left) < rank(right) }
      return mine < theirs
    }
    var sorted: [String] = []
    for family in order {
      sorted.insert(family, at: sorted.firstIndex { isBefore(family, $0) } ?? sorted.count)
    }
    return sorted
  }

  /// Hosts that the attacker acts on: where somebody got in, or that attack in their turn.
  var controlled: [IPAddress] {
    var hosts: Set<IPAddress> = []
    for act in acts {
      hosts.formUnion(act.taken)
      if act.gives.target == .control { hosts.formUnion(act.targets) }
    }
    for link in links where link.tie == .host { hosts.insert(link.host) }
    for act in acts { hosts.formUnion(act.actor?.hops.map(\.server) ?? []) }
    return hosts.sorted()
  }

  private var severity: Double {
    let most = acts.reduce(0) { max($0, $1.report.severity) }
    // Who did it makes it no worse.
    if families.count == 1, links.allSatisfy({ $0.tie == .actor }) { return most }
    let isBeyond = families.contains { !["recon", "access"].contains($0) }
    return min(10, max(most, controlled.isEmpty ? 8 : isBeyond ? 10 : 9))
  }

  /// Independent sightings confirm one another, and weak links weaken what they hold.
  private var confidence: Double {
    let doubt = acts.reduce(1.0) { $0 * (1 - $1.report.confidence) }
    let strength =
      links.isEmpty ? 1 : links.reduce(0) { $0 + $1.strength } / Double(links.count)
    return min(0.99, (1 - doubt) * (0.7 + 0.3 * strength))
  }

  /// All targets are counted. Where they are too many to be named, those go first that were only
  /// swept, then those only scanned: the hosts attacked matter.
  private var targets: AddressSet {
    var all = AddressSet()
    for act in acts { all.formUnion(act.report.targets) }
    guard !all.isComplete else { return all }
    for least in [Foothold.service, .entry] {
      var few = AddressSet()
      for act in acts where act.gives.target.map({ $0 >= least }) ?? true {
        few.formUnion(act.report.targets)
      }
      // What a child's campaign names was chosen likewise.
      guard least == .entry || few.isComplete, !few.isEmpty else { continue }
      return AddressSet(listed: few.listed, distinct: all.distinct) ?? all
    }
    return all
  }

  func describe(
    _ report: inout Report, context: CorrelationContext, threshold: Double,
    _ sensors: SensorMemory
  ) {
    var grounds = Grounds()
    report.sources = AddressSet()
    report.targets = targets
    for act in acts {
      report.first = min(report.first, act.report.first)
      report.last = max(report.last, act.report.last)
      report.sources.formUnion(act.report.sources)
      grounds.add(act.report)
    }
    let ports = Set(acts.flatMap(\.report.ports)).sorted()
    report.ports = Array(ports.prefix(Report.Limit.ports))
    let transports = Set(acts.map(\.report.transport))
    report.transport = transports.count == 1 ? transports.first ?? nil : nil
    report.severity = severity
    report.confidence = confidence
    let missing = missing(context)
    let gaps = missing.map {
      "\($0.words), \(sensors.words(context.segment(of: $0.host), asOf: report.emitted))"
    }
    let actor = Self.actor(of: acts)
    let actorTerms = actorTerms(
      actor, threshold: context.limits[ActorBook.confidenceLimit])
    if acts.count > 1 {
      report.terms = terms(threshold: threshold, gaps: gaps, besides: actorTerms.count) + actorTerms
    } else {
      let isTold = acts.first?.report.attributes[ChainAct.kinds] != nil
      report.terms = (isTold ? acts.flatMap(\.report.terms) : []) + actorTerms
    }
    report.attributes = [:]
    var attributes: [(String, AttributeValue)] = [
      (ChainAct.stages, .text(families.joined(separator: ","))),
      (ChainAct.kinds, .text(Self.list(kinds, ","))),
      ("steps", .count(UInt64(steps.count))),
      ("duration", .duration(report.last - report.first)),
      ("techniques", .text(Self.list(techniques(context), ","))),
    ]
    if let root = first.actor.flatMap({ $0.isElsewhere ? $0.origin : nil }) ?? first.root {
      attributes.append(("root", .address(root)))
    }
    attributes += actorAttributes(actor)
    if !controlled.isEmpty {
      attributes.append(
        (ChainAct.controls, .text(Self.list(controlled.map(\.description), ","))))
    }
    if !gaps.isEmpty {
      attributes.append(("gaps", .text(Self.list(gaps, "; "))))
      attributes.append((MissingStep.attribute, .text(Self.list(missing.map(\.text), ","))))
    }
    context.describe(&report, attributes)
    grounds.apply(to: &report)
    for id in acts.flatMap({ $0.actor?.reports ?? [] })
    where report.derivedFrom.count < Report.Limit.derivedFrom && !report.derivedFrom.contains(id) {
      report.derivedFrom.append(id)
    }
  }

  /// As many of the items as fit into a text.
  static func list(_ items: [String], _ separator: String) -> String {
    var text = ""
    for item in items {
      let next = text.isEmpty ? item : text + separator + item
      guard next.utf8.count <= AttributeValue.textLimit else { break }
      text = next
    }
    return text
  }

  /// What was done, in order of its beginning.
  private var kinds: [String] {
    var known: [String] = []
    for act in acts {
      var own = [act.report.kind.text]
      if case .text(let list)? = act.report.attributes[ChainAct.kinds] {
        own = list.split(separator: ",").map(String.init)
      }
      for kind in own where !known.contains(kind) { known.append(kind) }
    }
    return known
  }

  /// What was done and by whom, however many monitors saw it.
  private var steps: Set<String> {
    Set(acts.map { "\($0.report.kind) \($0.report.sources.listed.first?.description ?? "")" })
  }

  private func techniques(_ context: CorrelationContext) -> [String] {
    var known: [String] = []
    for act in acts {
      var own = context.schema.kinds[act.report.kind]?.techniques ?? []
      if case .text(let list)? = act.report.attributes["techniques"] {
        own += list.split(separator: ",").map(String.init)
      }
      for technique in own where !known.contains(technique) { known.append(technique) }
    }
    return known
  }

  // MARK: Reasons

  /// One term per kind of link, the strongest, in order of what happened.
  private func terms(threshold: Double, gaps: [String], besides others: Int) -> [Term] {
    var order: [String] = []
    var strengths: [String: Double] = [:]
    for link in links {
      guard let before = byID[link.before], let after = byID[link.after] else { continue }
      var name =
        "\(before.report.kind) → \(after.report.kind): "
        + "\(link.have.rawValue) of \(link.host), \(link.tie.words)"
      if link.pointsBack { name += ", goes to the attacker" }
      if link.isBlind { name += ", its segment unseen" }
      if strengths[name] == nil { order.append(name) }
      strengths[name] = max(strengths[name] ?? 0, link.strength)
    }
    let shown = order.prefix(max(1, Report.Limit.terms - gaps.prefix(8).count - others - 2))
    var terms = shown.map { Term($0, strengths[$0] ?? 0, threshold: threshold) }
    terms += gaps.prefix(8).map { Term("gap: \($0)", 0, threshold: 1) }
    terms.append(Term("stages", Double(families.count), threshold: 2))
    return terms
  }

  /// Hosts of one act whose own fall is asked for.
  private static let rootLimit = 8

  /// Steps that must have been and that nobody saw.
  private func missing(_ context: CorrelationContext) -> [MissingStep] {
    var steps: Set<MissingStep> = []
    let into = Dictionary(grouping: links, by: \.after)
    for act in acts {
      for link in Self.best(into[act.id] ?? []) {
        for step in link.missing { steps.insert(MissingStep(step: step, host: link.host)) }
      }
      // What a child missed another may have seen.
      for step in act.missing where !isHeld(step.host, step.step, besides: act.id) {
        steps.insert(step)
      }
      guard act.needs.source == .control else { continue }
      // A host inside that attacks, and nobody saw how it was taken.
      for host in act.sources.prefix(Self.rootLimit)
      where context.isHome(IPPrefix(host: host)) && !act.taken.contains(host)
        && act.actor?.hops.last?.server != host
      {
        let isKnown = held[host].map { $0.most >= .entry } ?? false
        if !isKnown { steps.insert(MissingStep(step: .entry, host: host)) }
      }
    }
    return steps.sorted()
  }

  /// Of the links to one act, those that leave least open at each host, in each role.
  private static func best(_ links: [ChainLink]) -> [ChainLink] {
    var best: [IPAddress?: ChainLink] = [:]
    for link in links {
      // One step against several targets is explained when one of them is.
      let key = link.tie == .host ? link.host : nil
      if let known = best[key], known.missing.count <= link.missing.count { continue }
      best[key] = link
    }
    return Array(best.values)
  }
}
