import Reports
import Terms

/// Something with a place in event time.
public protocol TimedEvent: Sendable {
  var eventTime: CaptureTime { get }

  /// What the event is, for engines that want some events only; every class where that makes no
  /// difference.
  var classes: EventClasses { get }

  /// The classes of an event that stays where it is.
  static func classes(at event: UnsafePointer<Self>) -> EventClasses
}

extension TimedEvent {
  @inlinable public var classes: EventClasses { .all }

  @inlinable public static func classes(at event: UnsafePointer<Self>) -> EventClasses {
    event.pointee.classes
  }
}

/// The one engine shape of every tier: events and event time in, reports out. A detector's events
/// are flow events, a correlator's are reports.
///
/// An engine is a value: no clock, no file, no randomness. The same events in the same order give
/// the same reports, however they are cut into batches.
public protocol AnalysisEngine<Event>: Sendable {
  associatedtype Event: TimedEvent

  /// The events that make a difference to the engine; it costs nothing while others come. Asked
  /// once. An engine must come to the same results when it gets more than it asked for.
  var interest: EventClasses { get }

  /// When the engine next wants `advance`, even if nothing happens; `.distantFuture` when it waits
  /// for nothing.
  var nextDeadline: CaptureTime { get }

  /// The same; mutating because to lend an engine would be to copy it.
  mutating func askDeadline() -> CaptureTime

  /// Event time begins: no event will be before `time`. Comes before the first event of any
  /// engine; an engine must do without.
  mutating func begin(at time: CaptureTime)

  /// Takes one event; `events` arrive in event-time order.
  mutating func analyse(_ event: Event, into sink: inout ReportSink)

  /// The same for an event that stays where it is while it is looked at; of a copy, unless an engine
  /// does better.
  mutating func analyse(at event: UnsafePointer<Event>, into sink: inout ReportSink)

  /// Event time has reached `now`: close epochs, judge what is due. Afterwards `nextDeadline` is
  /// later than `now`.
  mutating func advance(to now: CaptureTime, into sink: inout ReportSink)

  /// Hears what another engine of the same monitor reports; for those who learn what is usual, or
  /// say only what nobody else says. Event time decides what comes first: a report is heard after
  /// all events and deadlines up to its emission, and before those after it. A correlator hears
  /// what is detected above its children in the moment in which it is concluded, before a resolver
  /// sees it.
  mutating func hear(_ report: Report, into sink: inout ReportSink)

  /// Whether a correlator hears at all: most do not, and what is concluded is said to the others only.
  var listens: Bool { get }

  /// Asks for the memory that an event to come will need, so that nobody waits for it then (see
  /// `BoundedTable.foresee`). Changes nothing, and may be left out; mutating because to lend an
  /// engine would be to copy it.
  mutating func foresee(_ event: UnsafePointer<Event>)

  /// Takes a run of events; one dynamic call for many events.
  mutating func analyse(batch: UnsafeBufferPointer<Event>, into sink: inout ReportSink)

  /// Takes the events of a run that stand at `places`, which ascend.
  mutating func analyse(
    batch: UnsafeBufferPointer<Event>, at places: UnsafeBufferPointer<Int32>,
    into sink: inout ReportSink)
}

extension AnalysisEngine {
  @inlinable public var interest: EventClasses { .all }

  @inlinable public mutating func askDeadline() -> CaptureTime { nextDeadline }

  @inlinable public mutating func begin(at time: CaptureTime) {}

  @inlinable public mutating func hear(_ report: Report, into sink: inout ReportSink) {}

  @inlinable public var listens: Bool { false }

  @inlinable
  public mutating func analyse(at event: UnsafePointer<Event>, into sink: inout ReportSink) {
    analyse(event.pointee, into: &sink)
  }

  @inlinable @inline(__always) public mutating func foresee(_ event: UnsafePointer<Event>) {}

  /// Events by which `foresee` runs ahead: the few dozen nanoseconds that memory takes.
  @inlinable static var foresight: Int { 12 }

  @inlinable
  public mutating func analyse(batch: UnsafeBufferPointer<Event>, into sink: inout ReportSink) {
    guard let base = batch.baseAddress else { return }
    withUnsafeTemporaryAllocation(of: Event.self, capacity: 1) { room in
      guard let room = room.baseAddress else { return }
      var ahead = 0
      for place in batch.indices {
        while ahead < Swift.min(place &+ Self.foresight, batch.count) {
          foresee(base + ahead)
          ahead &+= 1
        }
        analyse(lent: base + place, by: room, into: &sink)
      }
    }
  }

  @inlinable
  public mutating func analyse(
    batch: UnsafeBufferPointer<Event>, at places: UnsafeBufferPointer<Int32>,
    into sink: inout ReportSink
  ) {
    guard let base = batch.baseAddress else { return }
    withUnsafeTemporaryAllocation(of: Event.self, capacity: 1) { room in
      guard let room = room.baseAddress else { return }
      var ahead = 0
      for index in places.indices {
        while ahead < Swift.min(index &+ Self.foresight, places.count) {
          foresee(base + Int(places[ahead]))
          ahead &+= 1
        }
        analyse(lent: base + Int(places[index]), by: room, into: &sink)
      }
    }
  }

  /// Takes an event that stays where it is. A copy of one that holds references would count them,
  /// twice per event and engine; so its bits stand in `room` for as long as the engine looks, and
  /// are forgotten.
  @inlinable @inline(__always)
  mutating func analyse(
    lent event: UnsafePointer<Event>, by room: UnsafeMutablePointer<Event>,
    into sink: inout ReportSink
  ) {
    if _isPOD(Event.self) {
      let time = event.pointee.eventTime
      while nextDeadline <= time { advance(to: nextDeadline, into: &sink) }
      analyse(at: event, into: &sink)
      return
    }
    UnsafeMutableRawPointer(room).copyMemory(
      from: UnsafeRawPointer(event), byteCount: MemoryLayout<Event>.size)
    let lent = room.move()
    let time = lent.eventTime
    while nextDeadline <= time { advance(to: nextDeadline, into: &sink) }
    analyse(lent, into: &sink)
    room.initialize(to: lent)
  }

  /// Runs every deadline up to and including `time`.
  @inlinable
  public mutating func runDeadlines(through time: CaptureTime, into sink: inout ReportSink) {
    while nextDeadline <= time, nextDeadline < .distantFuture {
      advance(to: nextDeadline, into: &sink)
    }
  }
}

extension AnalysisEngine<Report> {
  /// Hears what was concluded, of the detections among it.
  public mutating func hear(_ conclusions: [Report], into sink: inout ReportSink) {
    for conclusion in conclusions where conclusion.reportClass == .detection {
      hear(conclusion, into: &sink)
    }
  }
}
