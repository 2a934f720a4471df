import Terms

/// The events of engines that share a capture, in the order in which one engine would have made
/// them.
public struct MergedEvents: ~Copyable {
  private var flowEvents: [FlowEvent] = []
  private var saidEvents: [SessionEvent] = []

  public init() {}

  /// Lends flow events and session events.
  public func withEvents(
    _ body: (UnsafeBufferPointer<FlowEvent>, UnsafeBufferPointer<SessionEvent>) -> Void
  ) {
    flowEvents.withUnsafeBufferPointer { flows in
      saidEvents.withUnsafeBufferPointer { sessions in body(flows, sessions) }
    }
  }

  /// Takes the events of all engines instead of those before; the engines are drained.
  mutating func take(_ engines: UnsafeMutableBufferPointer<FlowEngine>) {
    flowEvents.removeAll(keepingCapacity: true)
    saidEvents.removeAll(keepingCapacity: true)
    let flows = engines.indices.compactMap {
      Run(engines[$0].buffer.base, engines[$0].buffer.orders, count: engines[$0].buffer.count)
    }
    Self.merge(flows, into: &flowEvents)
    let outputs = engines.indices.map { engines[$0].sessions.output }
    Self.merge(outputs[...], [], into: &saidEvents)
    for index in engines.indices {
      engines[index].clearEvents()
      engines[index].clearSessionEvents()
    }
  }

  /// Session events hold references, so their arrays are lent one inside the other.
  private static func merge(
    _ outputs: ArraySlice<SessionOutput>, _ runs: [Run<SessionEvent>],
    into merged: inout [SessionEvent]
  ) {
    guard let output = outputs.first else { return merge(runs, into: &merged) }
    output.events.withUnsafeBufferPointer { events in
      output.orders.withUnsafeBufferPointer { orders in
        let run = Run(events.baseAddress, orders.baseAddress, count: events.count)
        merge(outputs.dropFirst(), runs + (run.map { [$0] } ?? []), into: &merged)
      }
    }
  }

  private static func merge<Event: PlacedInTime>(
    _ runs: [Run<Event>], into merged: inout [Event]
  ) {
    merged.reserveCapacity(runs.reduce(0) { $0 + $1.count })
    var runs = runs
    runs.withUnsafeMutableBufferPointer { runs in
      var left = runs.count
      while left > 1 {
        var first = 0
        for run in 1..<left where runs[run].isBefore(runs[first]) { first = run }
        merged.append(runs[first].next.pointee)
        guard !runs[first].advance() else { continue }
        left -= 1
        runs.swapAt(first, left)
      }
      guard left == 1 else { return }
      merged.append(contentsOf: UnsafeBufferPointer(start: runs[0].next, count: runs[0].count))
    }
  }
}

private protocol PlacedInTime {
  var time: CaptureTime { get }
}

extension FlowEvent: PlacedInTime {}
extension SessionEvent: PlacedInTime {}

/// What is left of one engine's events, and the place of the first of them.
private struct Run<Event: PlacedInTime> {
  private(set) var next: UnsafePointer<Event>
  private var orders: UnsafePointer<EventOrder>
  private(set) var count: Int
  private var time: Int64

  init?(_ events: UnsafePointer<Event>?, _ orders: UnsafePointer<EventOrder>?, count: Int) {
    guard let events, let orders, count > 0 else { return nil }
    next = events
    self.orders = orders
    self.count = count
    time = events.pointee.time.nanoseconds
  }

  @inline(__always) func isBefore(_ other: Run) -> Bool {
    time != other.time ? time < other.time : orders.pointee < other.orders.pointee
  }

  /// To the next event; false behind the last.
  @inline(__always) mutating func advance() -> Bool {
    count &-= 1
    guard count > 0 else { return false }
    next += 1
    orders += 1
    time = next.pointee.time.nanoseconds
    return true
  }
}
