import Analysis
import Flows
import Reports
import Terms

/// Engines over one kind of events, in groups that the workers take one by one, each whole: so an
/// engine sees all its events in order, whoever runs it.
struct SharedEngines<Event: TimedEvent> {
  /// More groups than workers, so that none waits long for another; few, since every group sorts out
  /// the events for itself.
  private static var groupsPerWorker: Int { 2 }

  /// Some engines with a sink of their own: at one time only one worker runs them.
  final class Group {
    fileprivate var engines: EngineGroup<Event>
    fileprivate var sink: ReportSink

    fileprivate init(_ engines: [any AnalysisEngine<Event>], _ sink: ReportSink) {
      self.engines = EngineGroup(engines)
      self.sink = sink
    }

    /// Takes the events of a round, then runs deadlines through `time`.
    func take(_ events: UnsafeBufferPointer<Event>, deadlinesThrough time: CaptureTime) {
      engines.take(events, into: &sink)
      engines.runDeadlines(through: time, into: &sink)
    }
  }

  let groups: [Group]
  private(set) var eventCount: UInt64 = 0

  init(_ engines: [any AnalysisEngine<Event>], workers: Int, sink: ReportSink) {
    // Engines of one interest stand together, so that their events are sorted out once.
    let sorted = engines.indices.map { (engines[$0].interest.rawValue, $0) }.sorted(by: <)
    let count = min(engines.count, workers * Self.groupsPerWorker)
    groups = (0..<count).map { group in
      let places = sorted.count * group / count..<sorted.count * (group + 1) / count
      return Group(sorted[places].map { engines[$0.1] }, sink)
    }
  }

  var losses: UInt64 { groups.reduce(0) { $0 &+ $1.engines.losses } }

  mutating func count(_ events: UnsafeBufferPointer<Event>) { eventCount &+= UInt64(events.count) }

  func drainReports() -> [Report] { groups.flatMap { $0.sink.drain() } }
}
