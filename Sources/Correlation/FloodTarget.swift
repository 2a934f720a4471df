import Analysis
import Reports
import Terms

/// One host's arrivals over one transport, and whether they are a distributed flood.
struct FloodTarget: Sendable, Codable {
  struct Key: Hashable, Comparable, Sendable, Codable {
    var address: IPAddress
    var transport: TransportProtocol

    func _rawHashValue(seed: Int) -> Int {
      address._rawHashValue(seed: seed ^ Int(transport.number) << 40)
    }

    static func < (left: Key, right: Key) -> Bool {
      (left.address, left.transport) < (right.address, right.transport)
    }
  }

  struct Verdict: Sendable {
    var ingresses: Set<String>
    /// Joined contacts per second in the window that showed it.
    var rate: Double
    var severity: Double
    var confidence: Double
    var terms: [Term]
  }

  /// A report that names more targets than this says little of each.
  static let targetsPerDetection = 16
  /// Flood reports remembered per target.
  static let detectionLimit = 64
  /// Segments told apart per target; the topology bounds them, this bounds a foreign child.
  static let segmentLimit = 256

  let key: Key
  let since: Int64
  var report: Report?
  private var baseline: LoadBaseline
  private var ingressBaselines = ShortTable<String, LoadBaseline>()
  private var windows = DistributedFlood.scales.map { FloodWindow(epochs: $0) }
  private var detections: [ReportID: FloodDetection] = [:]
  /// Everything since the flood was first suspected.
  private(set) var sources = FloodSources()
  private var grounds = Grounds()
  private var ports = ShortTable<UInt16, Double>()
  private var first = CaptureTime.distantFuture
  private var last = CaptureTime.distantPast
  private var insistentEpochs = 0
  private var lastInsistent: Int64 = .min
  private var isSuspected = false
  /// Ingresses named so far in the running report.
  private var toldIngresses: Set<String> = []

  init(key: Key, since: Int64) {
    self.key = key
    self.since = since
    baseline = LoadBaseline(from: since)
  }

  /// What eviction goes by: the quietest target goes first.
  var busyness: Double { baseline.mean + windows.reduce(0) { $0 + $1.contacts } }

  /// Contacts per second that the target knows.
  var usualRate: Double { baseline.mean / EvidenceEpoch.length.seconds }

  mutating func note(_ event: Report, from ingresses: Set<String>) {
    if detections.count >= Self.detectionLimit, detections[event.id] == nil {
      guard let oldest = detections.min(by: { ($0.value.last, $0.key) < ($1.value.last, $1.key) })
      else { return }
      detections[oldest.key] = nil
    }
    var segments = ingresses
    if let known = detections[event.id] { segments.formUnion(known.ingresses) }
    detections[event.id] = FloodDetection(
      first: event.first, last: event.last, ingresses: segments, report: event)
  }

  /// Takes what an epoch brought.
  mutating func take(
    _ load: IngressLoad, _ more: Grounds, start: CaptureTime, insistence: Double
  ) {
    let epoch = start.epochNumber
    baseline.advance(to: epoch)
    for index in windows.indices { windows[index].add(load, epoch: epoch) }
    if !isSuspected {
      sources.reset()
      grounds = Grounds()
      ports.removeAll()
      first = start
    }
    first = min(first, start)
    last = max(last, start + EvidenceEpoch.length)
    sources.take(load, insistence: insistence)
    grounds.formUnion(more)
    for entry in load.ports
    where ports[entry.key] != nil || ports.count < Report.Limit.ports {
      ports[entry.key, default: 0] += entry.value
    }
    pending = Pending(load: load, epoch: epoch)
  }

  /// The epoch just taken; learned from once it is judged harmless.
  private var pending: Pending?

  private struct Pending: Codable {
    var load: IngressLoad
    var epoch: Int64
  }

  mutating func judge(_ table: LimitTable, asOf now: CaptureTime) -> Verdict? {
    let active = detections.values.filter { $0.last >= now - DistributedFlood.detectionMemory }
    let risen = windows.compactMap { rise(in: $0, table) }
    // A long window stays full when the flood is over; only an epoch that is busy itself speaks of
    // it.
    let rises = risen.isEmpty || isIdle(table) ? [] : risen
    let distressed = rises.compactMap { decide($0, hasDetection: !active.isEmpty, table) }
    let verdict = distressed.first ?? joined(active, table)
    if let pending {
      countInsistence(pending.load, pending.epoch, rises, table)
      isSuspected = verdict != nil || windows.contains { hasRisen($0, table) }
      if !isSuspected { sources.learn(pending.load) }
      learn(pending.load, pending.epoch)
      self.pending = nil
    }
    if verdict != nil { for detection in active { grounds.add(detection.report) } }
    guard var final = verdict ?? insistent(rises, table) else { return nil }
    if let report, report.last >= now - Self.quietLimit {
      final.ingresses.formUnion(toldIngresses)
    }
    toldIngresses = final.ingresses
    return final
  }

  /// Whether the epoch just taken brought no more than usual.
  private func isIdle(_ table: LimitTable) -> Bool {
    guard let pending else { return false }
    return pending.load.contacts < table[DistributedFlood.riseLimit] * baseline.mean
  }

  private mutating func learn(_ load: IngressLoad, _ epoch: Int64) {
    // While a flood is suspected the target learns little beyond what it knew, so that the flood
    // does not soon become the norm, yet a lasting change does in the end.
    let most = isSuspected ? 2.0 : .infinity
    baseline.learn(load.contacts, at: epoch, within: most)
    let fresh = LoadBaseline(from: since)
    for entry in load.ingresses {
      guard ingressBaselines[entry.key] != nil || ingressBaselines.count < Self.segmentLimit
      else { continue }
      ingressBaselines[entry.key, default: fresh]
        .learn(entry.value.contacts, at: epoch, within: most)
    }
  }

  private struct Rise: Sendable {
    var window: FloodWindow
    var expected: Double
    var ingresses: Set<String>
  }

  /// Whether the joined contacts of the window rose, from wherever.
  private func hasRisen(_ window: FloodWindow, _ table: LimitTable) -> Bool {
    baseline.history > 0 && window.contacts >= table[DistributedFlood.contactsLimit]
      && window.contacts
        >= table[DistributedFlood.riseLimit] * baseline.mean * Double(window.epochs)
  }

  private func rise(in window: FloodWindow, _ table: LimitTable) -> Rise? {
    guard hasRisen(window, table) else { return nil }
    let expected = baseline.mean * Double(window.epochs)
    var risen: Set<String> = []
    for entry in window.ingresses {
      let (segment, contacts) = (entry.key, entry.value)
      let known = (ingressBaselines[segment]?.mean ?? 0) * Double(window.epochs)
      let surprise = Surprise.poisson(Int(min(contacts, 1e15)), mean: max(known, 0.5))
      if contacts >= table[DistributedFlood.ingressContactsLimit],
        surprise >= table[DistributedFlood.ingressSurpriseLimit]
      {
        risen.insert(segment)
      }
    }
    guard risen.count >= table.count(DistributedFlood.ingressesLimit) else { return nil }
    return Rise(window: window, expected: expected, ingresses: risen)
  }

  /// A rise with distress.
  private func decide(_ rise: Rise, hasDetection: Bool, _ table: LimitTable) -> Verdict? {
    let share = rise.window.unfinished / max(1, rise.window.contacts)
    guard
      hasDetection
        || share >= table[DistributedFlood.distressLimit] && !isAskedByMachines
          && !rise.window.isTurnedAway
    else { return nil }
    var terms = self.terms(rise, table)
    terms.append(
      Term("unfinished share", share, threshold: table[DistributedFlood.distressLimit]))
    if hasDetection { terms.append(Term("local flood reports", 1, threshold: 1)) }
    return Verdict(
      ingresses: rise.ingresses, rate: rise.window.rate, severity: 8,
      confidence: min(0.98, 0.7 + 0.3 * min(1, share)), terms: terms)
  }

  private func terms(_ rise: Rise, _ table: LimitTable) -> [Term] {
    [
      Term(
        "joined contacts", rise.window.contacts, threshold: table[DistributedFlood.contactsLimit],
        unit: "contacts"),
      Term("window", Double(rise.window.epochs), unit: "epochs"),
      Term(
        "rise over the mean", rise.window.contacts / max(1, rise.expected),
        threshold: table[DistributedFlood.riseLimit], unit: "times"),
      Term(
        "risen ingresses", Double(rise.ingresses.count),
        threshold: table[DistributedFlood.ingressesLimit], unit: "segments"),
    ]
  }

  /// Local floods on this target that came in through different segments.
  private func joined(_ active: [FloodDetection], _ table: LimitTable) -> Verdict? {
    let segments = active.reduce(into: Set<String>()) { $0.formUnion($1.ingresses) }
    guard segments.count >= max(2, table.count(DistributedFlood.ingressesLimit)) else { return nil }
    return Verdict(
      ingresses: segments, rate: windows.first?.rate ?? 0, severity: 8, confidence: 0.9,
      terms: [
        Term("local flood reports", Double(active.count), unit: "reports"),
        Term(
          "flooding ingresses", Double(segments.count),
          threshold: table[DistributedFlood.ingressesLimit], unit: "segments"),
      ])
  }

  private mutating func countInsistence(
    _ load: IngressLoad, _ epoch: Int64, _ rises: [Rise], _ table: LimitTable
  ) {
    let insisting = load.ingresses.lazy.map(\.value).count {
      $0.isTold && $0.contacts >= 2 * table[DistributedFlood.ingressContactsLimit]
        && $0.contacts >= table[DistributedFlood.insistenceLimit] * max(1, $0.sources)
    }
    guard rises.contains(where: { $0.window.epochs == 1 }),
      insisting >= table.count(DistributedFlood.ingressesLimit),
      isCrowdOrRush(load, table)
    else { return }
    insistentEpochs = lastInsistent == epoch - 1 ? insistentEpochs + 1 : 1
    lastInsistent = epoch
  }

  /// Whether many sources insist, or a few do so far more than programs that fetch one page after
  /// another: crawlers, checkers of links, mirrors.
  private func isCrowdOrRush(_ load: IngressLoad, _ table: LimitTable) -> Bool {
    // Evidence of old may not say who came how often.
    guard !load.busiest.isEmpty else { return true }
    let insistence = table[DistributedFlood.insistenceLimit]
    let insisting = load.busiest.values.lazy.filter { Double($0) >= insistence }.count
    let rushing = load.busiest.values.lazy
      .filter { Double($0) >= DistributedFlood.rush * insistence }.count
    return insisting >= table.count(DistributedFlood.insistentSourcesLimit)
      || rushing >= table.count(DistributedFlood.ingressesLimit)
  }

  /// Services that machines ask for others, as often as those need it: names (RFC 1035, RFC 7858)
  /// and the time (RFC 5905). A resolver that insists is a resolver at work; where nobody answers, it
  /// asks again.
  private static let askedByMachines: Set<UInt16> = [53, 123, 853]

  private var isAskedByMachines: Bool {
    let asked = ports.reduce(0) { Self.askedByMachines.contains($1.key) ? $0 + $1.value : $0 }
    return 2 * asked > ports.reduce(0) { $0 + $1.value }
  }

  /// A rise without distress: sources that insist in every ingress, epoch after epoch.
  private func insistent(_ rises: [Rise], _ table: LimitTable) -> Verdict? {
    guard let rise = rises.first(where: { $0.window.epochs == 1 }),
      insistentEpochs >= table.count(DistributedFlood.insistenceEpochsLimit),
      lastInsistent == rise.window.last, !isAskedByMachines, !rise.window.isTurnedAway
    else { return nil }
    var terms = self.terms(rise, table)
    terms.append(
      Term(
        "insistent epochs", Double(insistentEpochs),
        threshold: table[DistributedFlood.insistenceEpochsLimit], unit: "epochs"))
    return Verdict(
      ingresses: rise.ingresses, rate: rise.window.rate, severity: 6, confidence: 0.6, terms: terms)
  }

  /// The report of a verdict: opened, or revised.
  func opened(_ verdict: Verdict, now: CaptureTime, _ sink: ReportSink) -> Report {
    let detected = detections.values.filter { $0.last >= now - DistributedFlood.detectionMemory }
    let start = min(first, detected.map(\.first).min() ?? first)
    let end = max(last, detected.map(\.last).max() ?? last)
    var report: Report
    if let known = self.report, known.last >= now - FloodTarget.quietLimit {
      report = known
      report.revision &+= 1
      report.emitted = now
    } else {
      report = sink.opening(
        .distributedFlood, subject: "\(key.address) \(key.transport)", first: start, last: end,
        at: now, severity: verdict.severity, confidence: verdict.confidence)
      report.targets.insert(key.address)
      report.transport = key.transport
    }
    report.first = min(report.first, start)
    report.last = max(report.last, end)
    report.severity = max(report.severity, verdict.severity)
    report.confidence = max(report.confidence, verdict.confidence)
    let reported = detections.values.filter { $0.last >= report.first }
      .sorted { $0.report.id < $1.report.id }
    report.sources = sources.named(with: reported.map(\.report.sources))
    let total = ports.reduce(0) { $0 + $1.value }
    let busy = ports.filter { $0.value >= 0.1 * total && $0.key != 0 }.map(\.key)
    let named = detected.flatMap(\.report.ports)
    report.ports = Array(
      Set(report.ports + busy + named).sorted().prefix(Report.Limit.ports))
    report.terms = verdict.terms
    grounds.apply(to: &report)
    return report
  }

  /// A flood on a target quiet for so long is a new one.
  static let quietLimit = TimeSpan.minutes(30)
}

/// A local monitor's word that the target drowns.
struct FloodDetection: Sendable, Codable {
  var first: CaptureTime
  var last: CaptureTime
  var ingresses: Set<String>
  var report: Report
}

/// Joined arrivals of one aligned window of epochs.
struct FloodWindow: Sendable, Codable {
  let epochs: Int64
  private var start: Int64 = .min
  /// The newest epoch with arrivals.
  private(set) var last: Int64 = .min
  private(set) var contacts = 0.0
  private(set) var unfinished = 0.0
  private var refused = 0.0
  private(set) var ingresses = ShortTable<String, Double>()

  init(epochs: Int64) { self.epochs = epochs }

  /// Whether the target turned most contacts away: a service that is off drowns in nothing, however
  /// often its clients ask again.
  var isTurnedAway: Bool { 2 * refused >= contacts && contacts > 0 }

  /// Contacts per second over the whole window.
  var rate: Double { contacts / (Double(epochs) * EvidenceEpoch.length.seconds) }

  mutating func add(_ load: IngressLoad, epoch: Int64) {
    let aligned = epoch / epochs * epochs
    if aligned != start {
      start = aligned
      contacts = 0
      unfinished = 0
      refused = 0
      ingresses.removeAll()
    }
    last = epoch
    contacts += load.contacts
    unfinished += load.unfinished
    refused += load.refused
    for entry in load.ingresses { ingresses[entry.key, default: 0] += entry.value.contacts }
  }
}
