import Analysis
import Reports
import Terms

/// Campaigns without a written scenario: what kinds need and give (`KindDefinition.needs`, `.gives`)
/// chains reports into attack graphs, from reconnaissance to what is carried off.
///
/// A step follows another when that gave of a host what this needs of it, the topology lets it
/// reach, and both are one attacker's: by one source, by neighbours of one network that take turns,
/// or by the very host that was attacked. Steps that nobody saw are named. A campaign is told as soon
/// as two families hang together, and grows by revision; the links are found in whatever order the
/// reports come, so nothing waits.
struct AttackChains: AnalysisEngine, Codable {
  static let windowLimit = EngineLimit(
    "campaigns.window", 86_400, .duration,
    "How long what an attacker has of a host is taken to be good for a next step.")
  static let handoverLimit = EngineLimit(
    "campaigns.handover", 300, .duration,
    "How soon a neighbour of a scanner must go on to be taken for the same attacker.")
  static let strengthLimit = EngineLimit(
    "campaigns.strength", 0.7, .ratio, "Least strength of a link between two steps.")
  static let silenceLimit = EngineLimit(
    "campaigns.silence", 30, .duration,
    "How long a segment must say nothing to count as unseen.")
  static let actsLimit = EngineLimit(
    "campaigns.acts", 8192, .count,
    "Steps remembered; those in no campaign, that gave least, go first.")
  static let membersLimit = EngineLimit(
    "campaigns.members", 256, .count, "Steps of one campaign.")
  static let limits = [
    windowLimit, handoverLimit, strengthLimit, silenceLimit, actsLimit, membersLimit,
  ]

  /// Links of one campaign that are kept to be told of.
  private static let linkLimit = 512
  /// Least event time between two revisions that bring no new step.
  private static let revisionGap = TimeSpan.seconds(30)
  /// The same of a large campaign, for steps that bring no new family.
  private static let stepGap = TimeSpan.seconds(5)
  private static let largeCampaign = 16

  struct Campaign: Sendable, Codable {
    struct Pair: Hashable, Sendable, Codable {
      var before: ReportID
      var after: ReportID
    }

    var members: [ReportID] = []
    /// The strongest between two steps.
    var links: [Pair: ChainLink] = [:]
    /// The newest revision of what was told of it.
    var told: Report?
    var toldFamilies: Set<String> = []
    /// When a step that waits is told; nil for none.
    var due: CaptureTime?
  }

  let context: CorrelationContext
  let judge: ChainJudge
  private let capacity: Int
  private let memberCapacity: Int
  /// The kinds that are steps at all.
  private var steps = Remade<[ReportKind: KindDefinition]>()
  private(set) var acts: [ReportID: ChainAct] = [:]
  private var footholds = FootholdTable()
  private var campaigns: [Int: Campaign] = [:]
  private var nextCampaign = 0
  private(set) var sensors: SensorMemory
  /// Steps that gave way, or found their campaign full.
  private var evicted: UInt64 = 0

  /// When a step that waits is told.
  private(set) var nextDeadline = CaptureTime.distantFuture

  private static func steps(_ context: CorrelationContext) -> [ReportKind: KindDefinition] {
    context.schema.kinds.filter { !$0.value.needs.isEmpty || !$0.value.gives.isEmpty }
  }

  init(_ context: CorrelationContext) {
    self.context = context
    judge = ChainJudge(
      context: context, window: context.limits.span(Self.windowLimit),
      handover: context.limits.span(Self.handoverLimit),
      threshold: context.limits[Self.strengthLimit])
    capacity = max(2, context.limits.count(Self.actsLimit))
    memberCapacity = max(2, context.limits.count(Self.membersLimit))
    steps.value = Self.steps(context)
    sensors = SensorMemory(
      sensors: context.sensors, patience: context.limits.span(Self.silenceLimit))
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    guard nextDeadline <= now else { return }
    let due = campaigns.filter { $0.value.due.map { $0 <= now } ?? false }.keys
    for number in due.sorted() { tell(campaign: number, now: now, into: &sink) }
    nextDeadline = campaigns.values.reduce(.distantFuture) { min($0, $1.due ?? .distantFuture) }
  }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    if steps.value.isEmpty { steps.value = Self.steps(context) }
    guard !steps.value.isEmpty else { return }
    sensors.hear(event)
    guard event.reportClass != .evidence, event.severity > Report.informationalSeverity,
      let definition = steps.value[event.kind]
    else { return }
    var isNew = true
    if var known = acts.removeValue(forKey: event.id) {
      isNew = known.revise(event, definition, context)
      acts[event.id] = known
    } else {
      makeRoom()
      acts[event.id] = ChainAct(event, definition, context)
    }
    if isNew {
      isNew = link(event.id)
      if let act = acts[event.id] { footholds.note(act) }
    }
    schedule(event.id, isNew: isNew, now: event.emitted)
  }

  /// Whether the report is a campaign that was chained below: those are joined here, step by step, and
  /// nowhere else.
  static func joins(_ report: Report, _ schema: Schema) -> Bool {
    report.kind == .multiStage && report.attributes[ChainAct.kinds] != nil
      && schema.kinds[.multiStage].map { !$0.needs.isEmpty } ?? false
  }

  // MARK: Links

  /// Hosts at which one pair of acts is held together.
  private static let pairLimit = 4

  /// Holds an act against all that share a host with it; true when a link is new.
  private mutating func link(_ id: ReportID) -> Bool {
    guard let act = acts[id] else { return false }
    var before: [ReportID: [IPAddress]] = [:]
    var after: [ReportID: [IPAddress]] = [:]
    func note(_ ids: [ReportID], _ host: IPAddress, _ pairs: inout [ReportID: [IPAddress]]) {
      for other in ids where other != id && pairs[other]?.count ?? 0 < Self.pairLimit {
        pairs[other, default: []].append(host)
      }
    }
    for host in act.sources.union(act.targets).sorted() {
      note(footholds.givers(at: host), host, &before)
    }
    for host in act.givenHosts.sorted() { note(footholds.takers(at: host), host, &after) }
    var isNew = false
    for links in links(before, { judge.judge($0, act, at: $1, sensors) }) {
      isNew = add(links) || isNew
    }
    for links in links(after, { judge.judge(act, $0, at: $1, sensors) }) {
      isNew = add(links) || isNew
    }
    return isNew
  }

  /// The links to each act that has any, in the order of what happened. Most pairs have none, so
  /// only the others are put in order.
  private func links(
    _ pairs: [ReportID: [IPAddress]], _ judge: (ChainAct, IPAddress) -> ChainLink?
  ) -> [[ChainLink]] {
    var found: [(act: ChainAct, links: [ChainLink])] = []
    for (id, hosts) in pairs {
      guard let index = acts.index(forKey: id) else { continue }
      let links = hosts.compactMap { judge(acts.values[index], $0) }
      if !links.isEmpty { found.append((acts.values[index], links)) }
    }
    return found.sorted { ChainAct.precedes($0.act, $1.act) }.map(\.links)
  }

  /// Keeps the strongest of the links between two acts; true when they were not linked before.
  private mutating func add(_ links: [ChainLink]) -> Bool {
    guard var best = links.first else { return false }
    for link in links.dropFirst() where link.strength > best.strength { best = link }
    guard let number = join(best.before, best.after) else { return false }
    let isNew = acts[best.after]?.predecessors.insert(best.before).inserted ?? false
    let pair = Campaign.Pair(before: best.before, after: best.after)
    if isNew, campaigns[number]?.links.count ?? 0 >= Self.linkLimit { return true }
    campaigns[number]?.links[pair] = best
    return isNew
  }

  /// Puts two steps into one campaign; nil when it is full.
  private mutating func join(_ before: ReportID, _ after: ReportID) -> Int? {
    switch (acts[before]?.campaign, acts[after]?.campaign) {
    case (let one?, let other?):
      return one == other ? one : merge(one, other)
    case (let one?, nil): return enter(after, one)
    case (nil, let other?): return enter(before, other)
    case (nil, nil):
      nextCampaign += 1
      campaigns[nextCampaign] = Campaign()
      _ = enter(before, nextCampaign)
      return enter(after, nextCampaign)
    }
  }

  private mutating func enter(_ id: ReportID, _ number: Int) -> Int? {
    guard let count = campaigns[number]?.members.count, count < memberCapacity else {
      evicted &+= 1
      return nil
    }
    campaigns[number]?.members.append(id)
    acts[id]?.campaign = number
    return number
  }

  /// The campaign that was told first goes on; of two untold the elder.
  private mutating func merge(_ one: Int, _ other: Int) -> Int? {
    guard let left = campaigns[one], let right = campaigns[other] else { return nil }
    guard left.members.count + right.members.count <= memberCapacity else {
      evicted &+= 1
      return nil
    }
    func age(_ campaign: Campaign, _ number: Int) -> (CaptureTime, Int) {
      (campaign.told?.raised ?? .distantFuture, number)
    }
    let isElder = age(left, one) < age(right, other)
    let (kept, gone) = isElder ? (one, other) : (other, one)
    guard let lesser = campaigns.removeValue(forKey: gone) else { return nil }
    for member in lesser.members { acts[member]?.campaign = kept }
    campaigns[kept]?.members += lesser.members
    let due = [left.due, right.due].compactMap { $0 }.min()
    campaigns[kept]?.due = due
    campaigns[kept]?.toldFamilies.formUnion(lesser.toldFamilies)
    campaigns[kept]?.links.merge(lesser.links) { mine, _ in mine }
    return kept
  }

  // MARK: Telling

  /// Decides when a change is told: after all that came at the same time, whose order means nothing;
  /// a step of a large campaign that brings no new family, and more of the same, later.
  private mutating func schedule(_ id: ReportID, isNew: Bool, now: CaptureTime) {
    if acts[id]?.campaign == nil, acts[id]?.report.attributes[ChainAct.kinds] != nil {
      nextCampaign += 1
      campaigns[nextCampaign] = Campaign()
      _ = enter(id, nextCampaign)
    }
    guard let act = acts[id], let number = act.campaign, let campaign = campaigns[number]
    else { return }
    var due = now + TimeSpan(nanoseconds: 1)
    if let told = campaign.told {
      let isLarge = campaign.members.count > Self.largeCampaign
      let isFurther = !campaign.toldFamilies.isSuperset(of: act.families)
      if !isNew, now - told.emitted < Self.revisionGap { return }
      if isNew, isLarge, !isFurther { due = max(due, told.emitted + Self.stepGap) }
    }
    if let earlier = campaign.due, earlier <= due { return }
    campaigns[number]?.due = due
    nextDeadline = min(nextDeadline, due)
  }

  private mutating func tell(
    campaign number: Int, now: CaptureTime, into sink: inout ReportSink
  ) {
    campaigns[number]?.due = nil
    guard let campaign = campaigns[number] else { return }
    let story = ChainStory(campaign, acts: acts)
    guard story.isWorthTelling else { return }
    var report =
      campaign.told
      ?? sink.opening(
        .multiStage, subject: "chain of \(story.first.id)", first: story.first.report.first,
        last: story.first.report.last, at: now, severity: 0, confidence: 0)
    if campaign.told != nil { report.revision &+= 1 }
    report.emitted = now
    story.describe(&report, context: context, threshold: judge.threshold, sensors)
    campaigns[number]?.told = report
    campaigns[number]?.toldFamilies = Set(story.families)
    sink.emit(report)
  }

  // MARK: Bounds

  private mutating func makeRoom() {
    guard acts.count >= capacity else { return }
    func rank(_ act: ChainAct) -> (Int, Int, CaptureTime, ReportID) {
      let isTold = act.campaign.flatMap { campaigns[$0]?.told } != nil
      let level = act.gives.target?.level ?? 0
      return (isTold ? 1 : 0, act.taken.isEmpty ? level : 4, act.report.last, act.id)
    }
    let order = acts.values.map { (rank($0), $0.id) }.sorted { $0.0 < $1.0 }
    for (_, id) in order.prefix(capacity / 8 + 1) {
      guard let gone = acts.removeValue(forKey: id) else { continue }
      footholds.remove(gone)
      evicted &+= 1
      guard let number = gone.campaign else { continue }
      campaigns[number]?.members.removeAll { $0 == id }
      let rest = campaigns[number]?.links.filter { $0.key.before != id && $0.key.after != id }
      campaigns[number]?.links = rest ?? [:]
      if campaigns[number]?.members.isEmpty == true { campaigns[number] = nil }
    }
  }
}

extension AttackChains: LossCounting {
  var losses: UInt64 { evicted &+ footholds.evicted }
}
