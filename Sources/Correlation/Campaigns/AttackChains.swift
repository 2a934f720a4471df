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
  static let limits =
    [windowLimit, handoverLimit, strengthLimit, silenceLimit, actsLimit, membersLimit]
    + ActorBook.limits

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

    /// Slots of its acts.
    var members: [Int32] = []
    /// The strongest between two steps.
    var links: [Pair: ChainLink] = [:]
    /// The newest revision of what was told of it.
    var told: Report?
    var toldFamilies: Set<String> = []
    /// When a step that waits is told; nil for none.
    var due: CaptureTime?
  }

  private struct Due: Comparable, Sendable, Codable {
    var time: CaptureTime
    var campaign: Int

    static func < (left: Due, right: Due) -> Bool {
      (left.time, left.campaign) < (right.time, right.campaign)
    }
  }

  let site: Site
  var context: CorrelationContext { site.context }
  let judge: ChainJudge
  private let capacity: Int
  private let memberCapacity: Int
  /// Acts by slot; `vacant` slots hold nil.
  var acts: [ChainAct?] = []
  private var heads: [ChainHead] = []
  private var vacant: [Int32] = []
  private(set) var slotOf: [ReportID: Int32] = [:]
  private(set) var footholds = FootholdTable()
  /// Who acts where, by logins and leases, and the steps of each.
  var actors: ActorBook
  var actsOf: [Actor.Identity: [ReportID]] = [:]
  private var campaigns: [Int: Campaign] = [:]
  /// Those told of.
  private var told: Set<Int> = []
  private var nextCampaign = 0
  /// When campaigns are told; entries that no longer agree with their campaign mean nothing.
  private var deadlines = EarliestFirst<Due>()
  private(set) var sensors: SensorMemory
  /// Steps that gave way, or found their campaign full.
  private(set) var evicted: UInt64 = 0

  /// When a step that waits is told.
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: CorrelationContext) {
    site = Site(context)
    judge = ChainJudge(
      context: context, window: context.limits.span(Self.windowLimit),
      handover: context.limits.span(Self.handoverLimit),
      threshold: context.limits[Self.strengthLimit])
    capacity = max(2, context.limits.count(Self.actsLimit))
    memberCapacity = max(2, context.limits.count(Self.membersLimit))
    actors = ActorBook(context)
    sensors = SensorMemory(
      sensors: context.sensors, patience: context.limits.span(Self.silenceLimit))
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    while let first = deadlines.min, first.time <= now {
      deadlines.removeMin()
      guard campaigns[first.campaign]?.due == first.time else { continue }
      tell(campaign: first.campaign, now: now, into: &sink)
    }
    nextDeadline = deadlines.min?.time ?? .distantFuture
  }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    guard !site.steps.isEmpty else { return }
    sensors.hear(event)
    if event.summary != nil { hear(rows: event) }
    guard event.reportClass != .evidence, event.severity > Report.informationalSeverity,
      let step = site.steps[event.kind]
    else { return }
    var isNew = true
    let slot: Int32
    if let known = slotOf[event.id] {
      slot = known
      isNew = acts[Int(slot)]?.differs(from: event, step) ?? false
      // Hosts that it names no more must not lead to it, nor be kept for it.
      if isNew, let act = acts[Int(slot)], !act.isWithin(event, step) {
        footholds.remove(act, slot)
      }
      acts[Int(slot)]?.revise(event, step, site, isNew: isNew)
      if let act = acts[Int(slot)] { heads[Int(slot)].note(act) }
    } else {
      makeRoom()
      slot = vacant.popLast() ?? Int32(acts.count)
      let act = ChainAct(event, step, site)
      if Int(slot) == acts.count {
        acts.append(act)
        heads.append(ChainHead(act, slot))
      } else {
        acts[Int(slot)] = act
        heads[Int(slot)] = ChainHead(act, slot)
      }
      slotOf[event.id] = slot
    }
    if isNew {
      isNew = link(slot)
      if let act = acts[Int(slot)] { footholds.note(act, slot) }
      hear(shell: slot, now: event.emitted)
      isNew = identify(slot) || isNew
    }
    schedule(slot, isNew: isNew, now: event.emitted)
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

  /// Two acts, and a host at which they may be linked.
  private typealias Pair = (other: Int32, host: IPAddress)

  /// Holds an act against those that share a host with it in roles that can be linked, and of those
  /// not by the host itself only against those that may be of one attacker; true when a link is new.
  private mutating func link(_ slot: Int32) -> Bool {
    guard let act = acts[Int(slot)] else { return false }
    var isNew = false
    for links in links(act, before(act, slot), isAfter: true) { isNew = add(links) || isNew }
    for links in links(act, after(act, slot), isAfter: false) { isNew = add(links) || isNew }
    return isNew
  }

  /// The acts that may lead to this one, and where.
  private func before(_ act: ChainAct, _ slot: Int32) -> [Pair] {
    var pairs: [Pair] = []
    let attacker = act.attacker
    if act.needs.target != nil {
      for host in act.targets {
        footholds.eachGiver(at: host) {
          if $0.slot != slot, $0.attacker.mayBe(attacker) { pairs.append(($0.slot, host)) }
        }
      }
    }
    if act.needs.source != nil {
      for host in act.sources where site.context.isHome(IPPrefix(host: host)) {
        footholds.eachGiver(at: host) {
          if $0.slot != slot { pairs.append(($0.slot, host)) }
        }
      }
    }
    return pairs.isEmpty || judge.isPossible(act) ? pairs : []
  }

  /// The acts that this one may lead to, and where.
  private func after(_ act: ChainAct, _ slot: Int32) -> [Pair] {
    var pairs: [Pair] = []
    let attacker = act.attacker
    act.eachGivenHost { host in
      footholds.eachTaker(at: host) { taker in
        guard taker.slot != slot,
          taker.isSource || taker.isTarget && taker.attacker.mayBe(attacker)
        else { return }
        pairs.append((taker.slot, host))
      }
    }
    return pairs
  }

  /// The links to each other act that has any, in the order of what happened.
  private func links(_ act: ChainAct, _ pairs: [Pair], isAfter: Bool) -> [[ChainLink]] {
    guard !pairs.isEmpty else { return [] }
    let order = pairs.count > 1 ? pairs.sorted { ($0.other, $0.host) < ($1.other, $1.host) } : pairs
    var found: [(act: ChainAct, links: [ChainLink])] = []
    var start = 0
    while start < order.count {
      let first = order[start].other
      let end = order[start...].firstIndex { $0.other != first } ?? order.count
      let hosts = order[start..<min(end, start + Self.pairLimit)]
      start = end
      guard let other = acts[Int(first)], isAfter || judge.isPossible(other) else { continue }
      let links = hosts.compactMap {
        isAfter
          ? judge.judge(other, act, at: $0.host, sensors)
          : judge.judge(act, other, at: $0.host, sensors)
      }
      if !links.isEmpty { found.append((other, links)) }
    }
    return found.sorted { ChainAct.precedes($0.act, $1.act) }.map(\.links)
  }

  /// Keeps the strongest of the links between two acts; true when they were not linked before.
  mutating func add(_ links: [ChainLink]) -> Bool {
    guard var best = links.first else { return false }
    for link in links.dropFirst() where link.strength > best.strength { best = link }
    guard !isAnothersAddress(best) else { return false }
    guard let before = slotOf[best.before], let after = slotOf[best.after],
      let number = join(before, after)
    else { return false }
    let isNew = acts[Int(after)]?.predecessors.insert(best.before).inserted ?? false
    let pair = Campaign.Pair(before: best.before, after: best.after)
    if isNew, campaigns[number]?.links.count ?? 0 >= Self.linkLimit { return true }
    campaigns[number]?.links[pair] = best
    return isNew
  }

  /// Puts two steps into one campaign; nil when it is full.
  private mutating func join(_ before: Int32, _ after: Int32) -> Int? {
    switch (heads[Int(before)].campaign, heads[Int(after)].campaign) {
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

  private mutating func enter(_ slot: Int32, _ number: Int) -> Int? {
    guard let count = campaigns[number]?.members.count, count < memberCapacity else {
      evicted &+= 1
      return nil
    }
    campaigns[number]?.members.append(slot)
    heads[Int(slot)].campaign = number
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
    told.remove(gone)
    for member in lesser.members { heads[Int(member)].campaign = kept }
    campaigns[kept]?.members += lesser.members
    let due = [left.due, right.due].compactMap { $0 }.min()
    if let due, campaigns[kept]?.due != due { deadlines.insert(Due(time: due, campaign: kept)) }
    campaigns[kept]?.due = due
    campaigns[kept]?.toldFamilies.formUnion(lesser.toldFamilies)
    campaigns[kept]?.links.merge(lesser.links) { mine, _ in mine }
    return kept
  }

  // MARK: Telling

  /// Decides when a change is told: after all that came at the same time, whose order means nothing;
  /// a step of a large campaign that brings no new family, and more of the same, later.
  mutating func schedule(_ slot: Int32, isNew: Bool, now: CaptureTime) {
    guard let act = acts[Int(slot)] else { return }
    if heads[Int(slot)].campaign == nil {
      guard act.startsCampaign else { return }
      nextCampaign += 1
      campaigns[nextCampaign] = Campaign()
      _ = enter(slot, nextCampaign)
    }
    guard let number = heads[Int(slot)].campaign, let campaign = campaigns[number] else { return }
    var due = now + TimeSpan(nanoseconds: 1)
    if let told = campaign.told {
      let isLarge = campaign.members.count > Self.largeCampaign
      let isFurther = !campaign.toldFamilies.isSuperset(of: act.families)
      if !isNew, now - told.emitted < Self.revisionGap { return }
      if isNew, isLarge, !isFurther { due = max(due, told.emitted + Self.stepGap) }
    }
    if let earlier = campaign.due, earlier <= due { return }
    campaigns[number]?.due = due
    deadlines.insert(Due(time: due, campaign: number))
    nextDeadline = min(nextDeadline, due)
  }

  private mutating func tell(
    campaign number: Int, now: CaptureTime, into sink: inout ReportSink
  ) {
    campaigns[number]?.due = nil
    guard let campaign = campaigns[number] else { return }
    let story = ChainStory(campaign, acts: acts)
    guard story.isWorthTelling || campaign.told != nil else { return }
    var report =
      campaign.told
      ?? sink.opening(
        .multiStage, subject: "chain of \(story.first.id)", first: story.first.report.first,
        last: story.first.report.last, at: now, severity: 0, confidence: 0)
    if campaign.told != nil { report.revision &+= 1 }
    report.emitted = now
    story.describe(&report, context: site.context, threshold: judge.threshold, sensors)
    campaigns[number]?.told = report
    told.insert(number)
    campaigns[number]?.toldFamilies = Set(story.families)
    sink.emit(report)
  }

  // MARK: Bounds

  private mutating func makeRoom() {
    guard slotOf.count >= capacity else { return }
    var order: [ChainHead] = []
    order.reserveCapacity(slotOf.count)
    for head in heads where head.isLive {
      var head = head
      head.isTold = head.campaign.map(told.contains) ?? false
      order.append(head)
    }
    var gone: [Int: Set<ReportID>] = [:]
    for head in order.least(capacity / 8 + 1) {
      guard let act = acts[Int(head.slot)].take() else { continue }
      heads[Int(head.slot)].isLive = false
      vacant.append(head.slot)
      slotOf[head.id] = nil
      footholds.remove(act, head.slot)
      forget(act)
      evicted &+= 1
      if let number = head.campaign { gone[number, default: []].insert(head.id) }
    }
    for (number, ids) in gone {
      campaigns[number]?.members.removeAll { acts[Int($0)] == nil }
      let rest = campaigns[number]?.links.filter {
        !ids.contains($0.key.before) && !ids.contains($0.key.after)
      }
      campaigns[number]?.links = rest ?? [:]
      guard campaigns[number]?.members.isEmpty == true else { continue }
      campaigns[number] = nil
      told.remove(number)
    }
  }
}
