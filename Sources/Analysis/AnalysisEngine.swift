import Reports
import Terms

/// Something with a place in event time.
public protocol TimedEvent: Sendable {
  var eventTime: CaptureTime { get }
}

extension Report: TimedEvent {
  public var eventTime: CaptureTime { emitted }
}

/// The one engine shape of every tier: events and event time in, reports out. A detector's events
/// are flow events, a correlator's are reports.
///
/// An engine is a value: no clock, no file, no randomness. The same events in the same order give
/// the same reports, however they are cut into batches.
public protocol AnalysisEngine<Event>: Sendable {
  associatedtype Event: TimedEvent

  /// When the engine next wants `advance`, even if nothing happens; `.distantFuture` when it waits
  /// for nothing.
  var nextDeadline: CaptureTime { get }

  /// Takes one event; `events` arrive in event-time order.
  mutating func analyse(_ event: Event, into sink: inout ReportSink)

  /// Event time has reached `now`: close epochs, judge what is due. Afterwards `nextDeadline` is
  /// later than `now`.
  mutating func advance(to now: CaptureTime, into sink: inout ReportSink)

  /// Takes a run of events; one dynamic call for many events.
  mutating func analyse(batch: UnsafeBufferPointer<Event>, into sink: inout ReportSink)
}

extension AnalysisEngine {
  @inlinable
  public mutating func analyse(batch: UnsafeBufferPointer<Event>, into sink: inout ReportSink) {
    // By index: an element in place is lent, one taken out by an iterator is copied.
    for index in batch.indices {
      let time = batch[index].eventTime
      while nextDeadline <= time { advance(to: nextDeadline, into: &sink) }
      analyse(batch[index], into: &sink)
    }
  }

  /// Runs every deadline up to and including `time`.
  @inlinable
  public mutating func runDeadlines(through time: CaptureTime, into sink: inout ReportSink) {
    while nextDeadline <= time, nextDeadline < .distantFuture {
      advance(to: nextDeadline, into: &sink)
    }
  }
}
