import Analysis
import Reports
import Terms

/// A child that falls silent while its hosts are under attack, or while it tells of one: the first
/// thing that an intruder does on a machine that watches. A restart at a quiet time is none of it.
struct SilenceUnderAttack: AnalysisEngine, Codable {
  static let recentLimit = EngineLimit(
    "silence-under-attack.recent", 600, .duration,
    "How long before a child falls silent an attack on it counts.")
  static let severityLimit = EngineLimit(
    "silence-under-attack.severity", 5, .ratio, "Least severity of an attack that counts.")
  static let limits = [recentLimit, severityLimit]
  private static let severity = 8.0
  private static let cacheLimit = 8192
  /// Targets of a report that are looked up.
  private static let targetLimit = 4

  /// The newest attack that concerns a child.
  private struct Attack: Sendable, Codable {
    var id: ReportID
    var kind: ReportKind
    var severity: Double
    var last: CaptureTime
  }

  private let context: CorrelationContext
  private let recent: TimeSpan
  private let least: Double
  private var newest: [MonitorName: Attack] = [:]
  private var table = WatchTable()
  /// Which child watches a host; looked up once.
  private var watchers: [IPPrefix: MonitorName?] = [:]

  var nextDeadline: CaptureTime { .distantFuture }

  init(_ context: CorrelationContext) {
    self.context = context
    recent = context.limits.span(Self.recentLimit)
    least = context.limits[Self.severityLimit]
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {}

  var interest: EventClasses { [.attacks, .notes] }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    guard event.reportClass != .evidence else { return }
    if event.kind == .monitorSilent, let child = event.notedChild(by: context.monitor) {
      judge(child, event, into: &sink)
      return
    }
    guard event.severity >= least,
      event.kind.families.isDisjoint(with: [.health, .anomaly, .exposure]),
      context.duties[event.monitor] != nil
    else { return }
    let attack = Attack(
      id: event.id, kind: event.kind, severity: event.severity, last: event.emitted)
    newest[event.monitor] = attack
    var noted = event.monitor
    for target in event.targets.listed.prefix(Self.targetLimit) {
      guard let child = watcher(of: target), child != noted else { continue }
      newest[child] = attack
      noted = child
    }
  }

  private mutating func watcher(of host: IPPrefix) -> MonitorName? {
    if let known = watchers[host] { return known }
    if watchers.count >= Self.cacheLimit { watchers = [:] }
    let child = table.watchers(of: host, context.duties).first
    watchers[host] = child
    return child
  }

  private func judge(_ child: MonitorName, _ event: Report, into sink: inout ReportSink) {
    guard let attack = newest[child], event.first - attack.last <= recent else { return }
    var report = sink.opening(
      .monitorSilent, subject: "\(child) under attack", first: event.first, last: event.last,
      at: event.emitted, severity: Self.severity, confidence: 0.7)
    context.describe(
      &report,
      [
        ("monitor", .text(child.text)), ("last", .time(attack.last)),
        ("reason", .text("silent during \(attack.kind)")),
      ])
    report.derivedFrom = [attack.id]
    report.terms = [
      Term(
        "since the attack", max(0, (event.first - attack.last).seconds),
        threshold: recent.seconds, unit: "s"),
      Term("severity of the attack", attack.severity, threshold: least),
    ]
    sink.emit(report)
  }
}
