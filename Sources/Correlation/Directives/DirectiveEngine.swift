import Analysis
import Hierarchy
import Reports
import Terms

/// Follows declared attacks (`Directive`) through their stages.
///
/// Reports are taken in the order in which things happened and not in which monitors told of them:
/// each waits for `delay`, since one monitor holds a scan back while another tells of a login at
/// once. So all is a function of event time, and a directive's stages may come from any tier.
struct DirectiveEngine: AnalysisEngine, Codable {
  static let delayLimit = EngineLimit(
    "directives.delay", 20, .duration,
    "How long reports are held to be put in the order in which things happened.")
  static let heldLimit = EngineLimit(
    "directives.held", 16_384, .count,
    "Reports held at once; beyond it the earliest are taken before their time.")
  static let openingsLimit = EngineLimit(
    "directives.openings", 8192, .count,
    "Opening reports kept of each kind; the oldest go first.")
  static let instancesLimit = EngineLimit(
    "directives.instances", 16_384, .count,
    "Directives under way at once; those that came least far go first.")
  static let perDirectiveLimit = EngineLimit(
    "directives.per-directive", 2048, .count, "The same, of one directive.")
  static let settlingLimit = EngineLimit(
    "directives.settling", 10, .duration,
    "Least event time between two revisions of a conclusion that has come to no new stage.")
  static let servicesLimit = EngineLimit(
    "directives.services", 16_384, .count, "Services remembered for questions.")
  static let limits = [
    delayLimit, heldLimit, openingsLimit, instancesLimit, perDirectiveLimit, servicesLimit,
    settlingLimit,
  ]

  private struct Held: Comparable, Sendable, Codable {
    var first: CaptureTime
    var emitted: CaptureTime
    var sighting: Sighting

    static func < (left: Held, right: Held) -> Bool {
      if left.first != right.first { return left.first < right.first }
      if left.emitted != right.emitted { return left.emitted < right.emitted }
      let (mine, theirs) = (left.sighting, right.sighting)
      return (mine.id, mine.revision) < (theirs.id, theirs.revision)
    }

    static func == (left: Held, right: Held) -> Bool {
      left.emitted == right.emitted && left.sighting.id == right.sighting.id
        && left.sighting.revision == right.sighting.revision
    }
  }

  let site: SharedContext
  let places: PlaceKnowledge
  let plan: DirectivePlan
  let delay: TimeSpan
  let settling: TimeSpan
  private let heldCapacity: Int
  private var kinds = Remade<[ReportKind: KindPlan]>()
  private var held = EarliestFirst<Held>()
  /// When each held report is due, in order of arrival.
  private var arrivals: [Held] = []
  private var nextArrival = 0
  var openings: OpeningTable
  var instances: DirectiveInstances
  private(set) var services: ServiceMemory
  /// Reports taken before their time because too many were held.
  private var hurried: UInt64 = 0

  init(_ context: CorrelationContext) {
    site = SharedContext(context)
    places = PlaceKnowledge(site: site)
    plan = DirectivePlan(context)
    delay = context.limits.span(Self.delayLimit)
    settling = context.limits.span(Self.settlingLimit)
    heldCapacity = max(1, context.limits.count(Self.heldLimit))
    openings = OpeningTable(capacity: context.limits.count(Self.openingsLimit))
    instances = DirectiveInstances(
      directives: plan.followed.count, capacity: context.limits.count(Self.instancesLimit),
      perDirective: context.limits.count(Self.perDirectiveLimit))
    services = ServiceMemory(capacity: context.limits.count(Self.servicesLimit))
  }

  var nextDeadline: CaptureTime {
    let arrival =
      nextArrival < arrivals.count ? arrivals[nextArrival].emitted + delay : .distantFuture
    return min(arrival, instances.nextDeadline)
  }

  var interest: EventClasses { plan.isEmpty ? [] : .all }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    if let summary = event.summary {
      if plan.asksServices { services.take(summary) }
      return
    }
    if plan.asksServices, event.kind == Self.serviceDown { services.take(down: event) }
    hold(event, isOwn: false, into: &sink)
  }

  private static let serviceDown = ReportKind("anomaly.service-down")

  /// The kinds that only the joined evidence of several children shows.
  private static let joined: Set<ReportKind> = [
    .slowScan, .distributedScan, .distributedFlood, .wormPropagation, .wormOutbreak,
  ]

  private mutating func hold(_ event: Report, isOwn: Bool, into sink: inout ReportSink) {
    let kind = plan(for: event.kind)
    guard kind.isWanted else { return }
    let entry = Held(
      first: event.first, emitted: event.emitted,
      sighting: Sighting(event, kind, isOwn: isOwn, places))
    held.insert(entry)
    arrivals.append(entry)
    if held.count > heldCapacity, let earliest = held.popMin() {
      instances.remake(plan)
      hurried &+= 1
      match(earliest.sighting, now: event.emitted, into: &sink)
    }
  }

  private mutating func plan(for kind: ReportKind) -> KindPlan {
    if let known = kinds.value[kind] { return known }
    let fresh = plan.plan(for: kind)
    kinds.value[kind] = fresh
    return fresh
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    instances.remake(plan)
    while nextArrival < arrivals.count, arrivals[nextArrival].emitted + delay <= now {
      let due = arrivals[nextArrival]
      nextArrival += 1
      while let earliest = held.min, !(due < earliest) {
        held.removeMin()
        match(earliest.sighting, now: now, into: &sink)
      }
    }
    if nextArrival > 4096, nextArrival * 2 > arrivals.count {
      arrivals.removeFirst(nextArrival)
      nextArrival = 0
    }
    while let entry = instances.popDue(now) { elapse(entry, now: now, into: &sink) }
  }

  private mutating func match(
    _ sighting: Sighting, now: CaptureTime, into sink: inout ReportSink
  ) {
    let kind = plan(for: sighting.report.kind)
    let touched = offer(sighting, kind, now: now, into: &sink)
    fork(sighting, kind, except: touched, now: now, into: &sink)
    for entry in kind.entries where !touched.contains(entry.directive) {
      open(sighting, kind, entry, now: now, into: &sink)
    }
    var roots = RootSet()
    var within = TimeSpan.zero
    for opener in kind.openers where opener.test.holds(sighting, places) {
      roots.insert(opener.root)
      within = max(within, opener.within)
    }
    guard !roots.isEmpty else { return }
    openings.insert(sighting, of: kind.crowd, roots: roots, within: within, plan)
  }
}

extension DirectiveEngine: LossCounting {
  /// Openings and instances that gave way, and reports that could not wait.
  var losses: UInt64 { openings.evicted &+ instances.evicted &+ hurried }
}

extension DirectiveEngine {
  var listens: Bool { !plan.isEmpty }

  /// What the other engines of this monitor conclude from joined evidence may be a stage, and so
  /// may what another directive concluded, unless that rests on a conclusion itself: chains end.
  mutating func hear(_ conclusion: Report, into sink: inout ReportSink) {
    guard !plan.isEmpty, conclusion.reportClass == .detection, plan(for: conclusion.kind).isWanted
    else { return }
    let isChained = conclusion.attributes[Directive.attribute] != nil
    guard isChained || Self.joined.contains(conclusion.kind) else { return }
    if isChained, case .count(let depth)? = conclusion.attributes["depth"], depth > 1 { return }
    hold(conclusion, isOwn: true, into: &sink)
  }
}
