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
  /// Where the events of each class stand in the run at hand: a bit per place, for each 64 places
  /// one word per class.
  @usableFromInline var standing: [UInt64]
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
    standing = Array(repeating: 0, count: Self.runLength)
    places = Array(repeating: 0, count: audiences.count * Self.runLength)
    counts = Array(repeating: 0, count: audiences.count)
    selectionOf = Array(repeating: -1, count: audiences.count)
  }

  @inlinable public var engines: [any AnalysisEngine<Event>] { members }
  /// Events taken so far.
  @inlinable public var eventCount: UInt64 { taken }

  /// Everything that some engine wants.
  public var interest: EventClasses { audiences.reduce([]) { $0.union($1) } }

  /// What the engines' bounded tables turned away so far.
  public var losses: UInt64 {
    members.reduce(0) { $0 &+ (($1 as? any LossCounting)?.losses ?? 0) }
  }

  /// Gives events, in event-time order, to the engines that want them.
  @inlinable public mutating func take(
    _ events: UnsafeBufferPointer<Event>, into sink: inout ReportSink
  ) {
    guard let first = events.first else { return }
    if !hasBegun {
      hasBegun = true
      for index in members.indices { members[index].begin(at: first.eventTime) }
    }
    taken &+= UInt64(events.count)
    var start = 0
    while start < events.count {
      let end = min(start + Self.runLength, events.count)
      take(run: UnsafeBufferPointer(rebasing: events[start..<end]), into: &sink)
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

  @inlinable mutating func take(
    run: UnsafeBufferPointer<Event>, into sink: inout ReportSink
  ) {
    sortOut(run)
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
  @inlinable mutating func sortOut(_ run: UnsafeBufferPointer<Event>) {
    let present = noteClasses(run)
    selected.removeAll(keepingCapacity: true)
    for audience in audiences.indices {
      let wanted = audiences[audience].rawValue & present
      if wanted == 0 {
        selectionOf[audience] = -1
      } else if let known = selected.firstIndex(of: wanted) {
        selectionOf[audience] = known
      } else {
        selectionOf[audience] = selected.count
        select(wanted, of: run.count, isAll: wanted == present)
      }
    }
  }

  /// Notes where the events of each class stand; returns the classes that there are.
  @inlinable mutating func noteClasses(_ run: UnsafeBufferPointer<Event>) -> UInt64 {
    guard let base = run.baseAddress else { return 0 }
    var present: UInt64 = 0
    standing.withUnsafeMutableBufferPointer { standing in
      let used = Swift.min((run.count &+ 63) & ~63, standing.count)
      for word in 0..<used { standing[word] = 0 }
      for place in run.indices {
        var classes = Event.classes(at: base + place).rawValue
        present |= classes
        while classes != 0 {
          let word = place & ~63 &+ classes.trailingZeroBitCount
          standing[word] |= 1 &<< UInt64(truncatingIfNeeded: place & 63)
          classes &= classes &- 1
        }
      }
    }
    return present
  }

  @inlinable mutating func select(_ wanted: UInt64, of count: Int, isAll: Bool) {
    let selection = selected.count
    selected.append(wanted)
    guard !isAll else {
      counts[selection] = count
      return
    }
    var found = selection &* Self.runLength
    standing.withUnsafeBufferPointer { standing in
      places.withUnsafeMutableBufferPointer { places in
        var start = 0
        while start < count {
          var bits: UInt64 = 0
          var classes = wanted
          while classes != 0 {
            bits |= standing[start &+ classes.trailingZeroBitCount]
            classes &= classes &- 1
          }
          while bits != 0 {
            places[found] = Int32(truncatingIfNeeded: start &+ bits.trailingZeroBitCount)
            found &+= 1
            bits &= bits &- 1
          }
          start &+= 64
        }
      }
    }
    counts[selection] = found &- selection &* Self.runLength
  }
}
