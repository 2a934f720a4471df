import Analysis
import Flows
import Reports
import Signatures
import Terms

/// The signature engine on several workers: an inspector for each flow engine. What a match means
/// where rules look beyond one flow is settled when those of all inspectors are in order.
struct SharedSignatures {
  private let inspectors: [SignatureInspector]
  private(set) var matches: [SignatureMatch] = []
  private var settled: SettledSignatures
  private var sink: ReportSink

  /// Attaches an inspector to each engine.
  init(
    _ rules: SignatureSet, _ context: DetectionContext, sink: ReportSink,
    to engines: UnsafeMutableBufferPointer<FlowEngine>
  ) {
    inspectors = engines.indices.map { _ in SignatureInspector(rules, settles: false) }
    settled = SettledSignatures(rules, context)
    self.sink = sink
    for index in engines.indices { engines[index].attach(inspectors[index]) }
  }

  var statistics: SignatureStatistics {
    var sum = inspectors.reduce(into: SignatureStatistics()) { $0.add($1.statistics) }
    sum.matches = settled.count
    sum.lost &+= settled.losses
    return sum
  }

  var losses: UInt64 { statistics.lost &+ settled.reportLosses }

  /// Fetches what all inspectors have found.
  mutating func merge() {
    matches = SignatureMatch.merged(inspectors.map(\.matches))
    for inspector in inspectors { inspector.clearMatches() }
  }

  /// Settles what was merged, then runs deadlines through `time`.
  mutating func take(deadlinesThrough time: CaptureTime) {
    matches.withUnsafeBufferPointer { settled.analyse(batch: $0, into: &sink) }
    settled.runDeadlines(through: time, into: &sink)
  }

  mutating func drainReports() -> [Report] { sink.drain() }
}

/// Tells of matches that hold beyond their flow.
struct SettledSignatures: AnalysisEngine {
  private var settlement: MatchSettlement
  private var reports: SignatureReports
  /// Matches that were told of.
  private(set) var count: UInt64 = 0

  init(_ rules: SignatureSet, _ context: DetectionContext) {
    settlement = MatchSettlement(rules)
    reports = SignatureReports(rules, context)
  }

  var losses: UInt64 { settlement.losses }
  var reportLosses: UInt64 { reports.losses }
  var nextDeadline: CaptureTime { reports.nextDeadline }

  mutating func analyse(_ match: SignatureMatch, into sink: inout ReportSink) {
    guard settlement.passes(match) else { return }
    count &+= 1
    reports.analyse(match, into: &sink)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    reports.advance(to: now, into: &sink)
  }
}
