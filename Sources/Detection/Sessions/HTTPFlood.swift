import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds web sites that are sent more requests than they know, by clients that behave like machines.
///
/// A flash crowd consists of people: they load pages with what belongs to them, follow links (and
/// say so), ask again for what changed. A machine asks for one thing over and over, mostly so that
/// no cache has the answer (Xie and Yu, "Monitoring the application-layer DDoS attacks for popular
/// websites", IEEE/ACM ToN 2009). So each client is classed by how it asks, and only the rate of
/// the machines' requests counts: low where many clients bust caches, higher where few do or all ask
/// for one page, and never for a few of the site's own that measure or poll a page which goes on to
/// answer: applications ask each other so.
struct HTTPFlood: FloodDetector {
  static let rate = EngineLimit(
    "http-flood.rate", 5, .rate,
    "Machines' requests per second to one site that make a flood when several clients bust caches.")
  static let plainRate = EngineLimit(
    "http-flood.plain-rate", 25, .rate, "The same for requests that a cache could answer.")
  static let loneRate = EngineLimit(
    "http-flood.lone-rate", 80, .rate, "The same for fewer clients than `http-flood.clients`.")
  static let factor = EngineLimit(
    "http-flood.factor", 4, .count, "Times its learnt rate that a site's requests must exceed.")
  static let share = EngineLimit(
    "http-flood.share", 0.5, .ratio, "Least share of all requests that machines must send.")
  static let clients = EngineLimit(
    "http-flood.clients", 4, .count, "Machines at once from which they are a crowd.")
  static let known = EngineLimit(
    "http-flood.known-clients", 8192, .count, "Pairs of client and site remembered at once.")
  static let targets = EngineLimit("http-flood.sites", 1024, .count, "Sites measured at once.")
  static let quiet = EngineLimit(
    "http-flood.quiet", 15, .duration, "Silence after which a flood is over.")
  static let spacing = EngineLimit(
    "http-flood.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [
    rate, plainRate, loneRate, factor, share, clients, known, targets, quiet, spacing,
  ]

  /// How long the detector learns how busy sites are before it calls a low rate a flood.
  static let learningSpan = TimeSpan.seconds(10)
  /// Half-life of a site's sums, and silence after which a client is new again.
  static let halfLife = 4.0
  static let clientSpan = TimeSpan.minutes(2)

  var judge: FloodJudge
  private let plainLimit: Double
  private let loneLimit: Double
  private let shareLimit: Double
  private let clientLimit: Int
  /// What is known of the site's own addresses.
  private let inside: AddressRanges
  private var visitors: BoundedTable<WebVisitor>
  private var sites: BoundedTable<WebSiteLoad>
  /// When event time began.
  private var born = CaptureTime.distantPast

  init(_ context: DetectionContext) {
    let limits = context.limits
    plainLimit = limits[Self.plainRate]
    loneLimit = limits[Self.loneRate]
    shareLimit = limits[Self.share]
    clientLimit = max(limits.count(Self.clients), 2)
    let home = context.home + context.prefixes
    inside = home.isEmpty ? .privateUse : AddressRanges(home)
    visitors = BoundedTable(capacity: limits.count(Self.known), empty: WebVisitor())
    sites = BoundedTable(capacity: limits.count(Self.targets), empty: WebSiteLoad())
    judge = FloodJudge(
      kind: .httpFlood, severity: 7, transport: .tcp, unit: "requests/s", limits: limits,
      rate: Self.rate, factor: Self.factor, targets: Self.targets, quiet: Self.quiet,
      spacing: Self.spacing)
  }

  var interest: EventClasses { .session(.http, .httpResponse) }

  mutating func begin(at time: CaptureTime) { born = time }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    switch event.what {
    case .http(let request): take(request, event, into: &sink)
    case .httpResponse(let response):
      let site = sites.find(key(event))
      guard site >= 0 else { return }
      sites[site].answer(isFailure: response.status >= 500, at: event.time)
    default: return
    }
  }
}

// MARK: - Counting

extension HTTPFlood {
  private func isOutside(_ client: IPAddress) -> Bool { !inside.contains(client) }

  private func key(_ event: SessionEvent) -> TableKey {
    TableKey(event.server, detail: UInt64(event.serverPort))
  }

  private mutating func take(
    _ request: HTTPRequest, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    // A guesser of passwords is somebody else's concern.
    guard request.authorization.isEmpty, !request.target.isEmpty else { return }
    let key = key(event)
    let site = sites.admit(key, asOf: event.time, until: event.time + .seconds(10))
    guard site >= 0 else { return }
    let visitor = visitors.admit(
      TableKey(event.client, detail: key.hash), asOf: event.time, until: event.time + .seconds(2))
    guard visitor >= 0 else { return }
    if event.time - visitors[visitor].last > Self.clientSpan { visitors[visitor] = WebVisitor() }
    let reading = WebAsking(request, before: visitors[visitor].path)
    visitors[visitor].note(reading, at: event.time)
    visitors.keep(visitor, until: event.time + .seconds(min(visitors[visitor].requests, 60)))
    sites[site].note(
      reading, visitors[visitor], client: TableKey(event.client).hash,
      isOutside: isOutside(event.client), at: event.time)

    var load = FloodMeter.Load()
    load.requests = 1
    load.flows = request.number == 0 ? 1 : 0
    load.bytes = UInt64(request.headLength)
    let entry = judge.meter.add(load, to: key, at: event.time)
    if entry.isDue { weigh(entry.slot, site, request, at: event.time, into: &sink) }
    guard visitors[visitor].isMachine else { return }
    judge.meter.detail(load, event.client, event.packet, in: entry, time: event.time)
  }
}

// MARK: - Judging

extension HTTPFlood {
  private mutating func weigh(
    _ slot: Int, _ site: Int, _ request: HTTPRequest, at now: CaptureTime,
    into sink: inout ReportSink
  ) {
    let load = sites[site].faded(to: now)
    let rates = judge.meter.rates(slot, at: now)
    let share = load.machineShare
    let rate = rates.requests * share
    let machines = load.machines(since: now - .seconds(10))
    let floor = floor(load, machines: machines, at: now)
    let isSuspect = share >= shareLimit && rate >= judge.rateLimit && machines > 0
    // While it is not decided what machines do here, their rate must not become the norm.
    if isSuspect, rate < floor, judge.meter.flood(at: slot) < 0 { return }
    var label = FloodMeter.Label()
    label.technique = load.bustShare >= 0.6 ? "cache-busting" : "repeated-requests"
    label.path = WebAsking.pathText(request)
    judge.judge(
      slot, rate: rate, answeredShare: load.answeredShare, isOneSided: isSuspect && rate >= floor,
      label: label, at: now, into: &sink)
    judge.report(slot, at: now, into: &sink)
  }

  /// The rate from which the machines at a site are a flood; infinite where nothing speaks of one.
  private func floor(_ load: WebSiteLoad, machines: Int, at now: CaptureTime) -> Double {
    let busts = load.bustShare >= 0.6
    let isCrowd = machines >= clientLimit
    if !isCrowd {
      if load.isDistressed || load.disguiseShare >= 0.5 { return plainLimit }
      // One of the site's own that measures it, or polls a page, is answered and hides nothing.
      return busts || load.outsideShare >= 0.5 ? loneLimit : .infinity
    }
    if !busts, !load.isDistressed { return plainLimit }
    return now - born >= Self.learningSpan ? judge.rateLimit : plainLimit
  }
}

extension HTTPFlood {
  var losses: UInt64 { judge.losses &+ visitors.refusedCount &+ sites.refusedCount }
}
