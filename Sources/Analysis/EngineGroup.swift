import Reports
import Terms

/// Engines over the same events, each of which gets only those of its interest.
///
/// A run of events is sorted out once; an engine's cost is that of the events it asked for.
/// Engines of the same interest share one selection, an *audience*.
public struct EngineGroup<Event: TimedEvent>: Sendable {
  /// Events sorted out at once: few enough to stay in the processor's cache while every engine
  /// looks at them.
  static var runLength: Int { 512 }

  public private(set) var engines: [any AnalysisEngine<Event>]
  /// The audience of each engine.
  private let audienceOf: [Int]
  private let audiences: [EventClasses]
  /// The audiences that want a class, class by class, and where each class's begin.
  private let listeners: [Int]
  private let starts: [Int]
  /// For each audience, the places of its events in the run at hand, and how many.
  private var places: [Int32]
  private var counts: [Int]
  private var hasBegun = false
  /// Events taken so far.
  public private(set) var eventCount: UInt64 = 0

  public init(_ engines: [any AnalysisEngine<Event>]) {
    self.engines = engines
    var audiences: [EventClasses] = []
    audienceOf = engines.map { engine in
      let interest = engine.interest
      if let known = audiences.firstIndex(of: interest) { return known }
      audiences.append(interest)
      return audiences.count - 1
    }
    self.audiences = audiences
    var (listeners, starts) = ([Int](), [0])
    for bit in 0..<64 as Range<UInt64> {
      listeners += audiences.indices.filter { audiences[$0].rawValue & 1 << bit != 0 }
      starts.append(listeners.count)
    }
    self.listeners = listeners
    self.starts = starts
    places = Array(repeating: 0, count: audiences.count * Self.runLength)
    counts = Array(repeating: 0, count: audiences.count)
  }

  /// Everything that some engine wants.
  public var interest: EventClasses { audiences.reduce([]) { $0.union($1) } }

  /// What the engines' bounded tables turned away so far.
  public var losses: UInt64 {
    engines.reduce(0) { $0 &+ (($1 as? any LossCounting)?.losses ?? 0) }
  }

  /// Gives events, in event-time order, to the engines that want them.
  public mutating func take(
    _ events: UnsafeBufferPointer<Event>, into sink: inout ReportSink
  ) {
    guard let first = events.first else { return }
    if !hasBegun {
      hasBegun = true
      for index in engines.indices { engines[index].begin(at: first.eventTime) }
    }
    eventCount &+= UInt64(events.count)
    var start = 0
    while start < events.count {
      let end = min(start + Self.runLength, events.count)
      take(run: UnsafeBufferPointer(rebasing: events[start..<end]), into: &sink)
      start = end
    }
  }

  /// Runs every deadline of every engine up to and including `time`.
  public mutating func runDeadlines(through time: CaptureTime, into sink: inout ReportSink) {
    for index in engines.indices { engines[index].runDeadlines(through: time, into: &sink) }
  }

  /// Lets every engine hear a report, once it has run its deadlines up to the report's emission.
  public mutating func hear(_ report: Report, into sink: inout ReportSink) {
    for index in engines.indices {
      engines[index].runDeadlines(through: report.emitted, into: &sink)
      engines[index].hear(report, into: &sink)
    }
  }

  private mutating func take(
    run: UnsafeBufferPointer<Event>, into sink: inout ReportSink
  ) {
    sortOut(run)
    places.withUnsafeBufferPointer { places in
      for index in engines.indices {
        let audience = audienceOf[index]
        let count = counts[audience]
        if count == run.count {
          engines[index].analyse(batch: run, into: &sink)
        } else if count > 0 {
          let start = audience * Self.runLength
          engines[index].analyse(
            batch: run, at: UnsafeBufferPointer(rebasing: places[start..<start + count]),
            into: &sink)
        }
      }
    }
  }

  private mutating func sortOut(_ run: UnsafeBufferPointer<Event>) {
    for audience in counts.indices { counts[audience] = 0 }
    counts.withUnsafeMutableBufferPointer { counts in
      places.withUnsafeMutableBufferPointer { places in
        func add(_ place: Int, to audience: Int) {
          places[audience &* Self.runLength &+ counts[audience]] = Int32(truncatingIfNeeded: place)
          counts[audience] &+= 1
        }
        for place in run.indices {
          let classes = run[place].classes.rawValue
          if classes & (classes &- 1) == 0, classes != 0 {
            let bit = classes.trailingZeroBitCount
            for index in starts[bit]..<starts[bit &+ 1] { add(place, to: listeners[index]) }
          } else {
            for audience in audiences.indices
            where audiences[audience].rawValue & classes != 0 { add(place, to: audience) }
          }
        }
      }
    }
  }
}
