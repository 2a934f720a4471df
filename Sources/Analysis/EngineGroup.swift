import Reports
import Terms

/// Engines over the same events, each of which gets only those of its interest.
///
/// A run of events is sorted out once; an engine's cost is that of the events it asked for.
/// Engines of the same interest share one selection, an *audience*.
@frozen public struct EngineGroup<Event: TimedEvent>: Sendable {
  /// Events sorted out at once: few enough to stay in the processor's cache while every engine
  /// looks at them.
  @inlinable static var runLength: Int { 512 }

  @usableFromInline var members: [any AnalysisEngine<Event>]
  /// The audience of each engine.
  @usableFromInline let audienceOf: [Int]
  @usableFromInline let audiences: [EventClasses]
  /// Where the events of each class stand in the run at hand.
  @usableFromInline var noted: ClassStanding
  /// The selections made of the run at hand: for which of its classes, the places of those events
  /// in the run, and how many.
  @usableFromInline var selected: [UInt64] = []
  @usableFromInline var places: [Int32]
  @usableFromInline var counts: [Int]
  /// The selection of each audience; -1 where no event is for it.
  @usableFromInline var selectionOf: [Int]
  @usableFromInline var hasBegun = false
  @usableFromInline var taken: UInt64 = 0

  public init(_ engines: [any AnalysisEngine<Event>]) {
    members = engines
    var audiences: [EventClasses] = []
    audienceOf = engines.map { engine in
      let interest = engine.interest
      if let known = audiences.firstIndex(of: interest) { return known }
      audiences.append(interest)
      return audiences.count - 1
    }
    self.audiences = audiences
    noted = ClassStanding(length: Self.runLength)
    places = Array(repeating: 0, count: audiences.count * Self.runLength)
    counts = Array(repeating: 0, count: audiences.count)
    selectionOf = Array(repeating: -1, count: audiences.count)
  }

  @inlinable public var engines: [any AnalysisEngine<Event>] { members }
  /// Events taken so far.
  @inlinable public var eventCount: UInt64 { taken }

  /// Where the events of the newest run stand.
  public var standing: ClassStanding { noted }

  /// Everything that some engine wants.
  public var interest: EventClasses { audiences.reduce([]) { $0.union($1) } }

  /// What the engines' bounded tables turned away so far.
  public var losses: UInt64 {
    members.reduce(0) { $0 &+ (($1 as? any LossCounting)?.losses ?? 0) }
  }

  /// Gives events, in event-time order, to the engines that want them.
  ///
  /// - Parameter known: where these very events stand, if another group has just taken them.
  @inlinable public mutating func take(
    _ events: UnsafeBufferPointer<Event>, standing known: ClassStanding? = nil,
    into sink: inout ReportSink
  ) {
    guard let first = events.first else { return }
    if !hasBegun {
      hasBegun = true
      for index in members.indices { members[index].begin(at: first.eventTime) }
    }
    taken &+= UInt64(events.count)
    if let known, known.count == events.count {
      sortOut(by: known)
      return give(events, into: &sink)
    }
    var start = 0
    while start < events.count {
      let end = min(start + Self.runLength, events.count)
      let run = UnsafeBufferPointer(rebasing: events[start..<end])
      noted.note(run)
      sortOut(by: noted)
      give(run, into: &sink)
      start = end
    }
  }

  /// Runs every deadline of every engine up to and including `time`.
  @inlinable
  public mutating func runDeadlines(through time: CaptureTime, into sink: inout ReportSink) {
    for index in members.indices { members[index].runDeadlines(through: time, into: &sink) }
  }

  /// Lets every engine hear a report, once it has run its deadlines up to the report's emission.
  public mutating func hear(_ report: Report, into sink: inout ReportSink) {
    for index in members.indices {
      members[index].runDeadlines(through: report.emitted, into: &sink)
      members[index].hear(report, into: &sink)
    }
  }

  /// Gives a run that was sorted out to the engines that want some of it.
  @inlinable mutating func give(
    _ run: UnsafeBufferPointer<Event>, into sink: inout ReportSink
  ) {
    places.withUnsafeBufferPointer { places in
      for index in members.indices {
        let selection = selectionOf[audienceOf[index]]
        guard selection >= 0 else { continue }
        if counts[selection] == run.count {
          members[index].analyse(batch: run, into: &sink)
        } else {
          let start = selection &* Self.runLength
          members[index].analyse(
            batch: run,
            at: UnsafeBufferPointer(rebasing: places[start..<start &+ counts[selection]]),
            into: &sink)
        }
      }
    }
  }

  /// Selects the events of each audience. Audiences that differ in classes of which the run has
  /// none share a selection.
  @inlinable mutating func sortOut(by standing: ClassStanding) {
    let present = standing.present
    selected.removeAll(keepingCapacity: true)
    for audience in audiences.indices {
      let wanted = audiences[audience].rawValue & present
      if wanted == 0 {
        selectionOf[audience] = -1
      } else if let known = selected.firstIndex(of: wanted) {
        selectionOf[audience] = known
      } else {
        let selection = selected.count
        selectionOf[audience] = selection
        selected.append(wanted)
        counts[selection] =
          wanted == present
          ? standing.count
          : places.withUnsafeMutableBufferPointer {
            standing.select(wanted, into: &$0, from: selection &* Self.runLength)
          }
      }
    }
  }
}
