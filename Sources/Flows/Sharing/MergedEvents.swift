import Terms

/// The events of engines that share a capture.
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

  mutating func clear() {
    flowEvents.removeAll(keepingCapacity: true)
    saidEvents.removeAll(keepingCapacity: true)
  }

  mutating func mergeFlows(_ engines: UnsafeMutableBufferPointer<FlowEngine>) {
    var merging = Merging(counts: engines.indices.map { engines[$0].buffer.count })
    flowEvents.reserveCapacity(merging.total)
    for index in engines.indices where merging.hasNext(index) {
      merging.show(engines[index].flowPlace(0), of: index)
    }
    while let index = merging.first {
      let place = merging.places[index]
      flowEvents.append(engines[index].buffer.base[place])
      if merging.advance(index) { merging.show(engines[index].flowPlace(place + 1), of: index) }
    }
  }

  mutating func mergeSessions(_ engines: UnsafeMutableBufferPointer<FlowEngine>) {
    var merging = Merging(counts: engines.indices.map { engines[$0].sessions.output.events.count })
    saidEvents.reserveCapacity(merging.total)
    for index in engines.indices where merging.hasNext(index) {
      merging.show(engines[index].sessionPlace(0), of: index)
    }
    while let index = merging.first {
      let place = merging.places[index]
      saidEvents.append(engines[index].sessions.output.events[place])
      if merging.advance(index) { merging.show(engines[index].sessionPlace(place + 1), of: index) }
    }
  }
}

/// Where a merge of several runs stands.
private struct Merging {
  /// The next element of each run, and what it is ordered by.
  var places: [Int]
  private var heads: [(time: Int64, order: EventOrder)?]
  private let counts: [Int]
  let total: Int

  init(counts: [Int]) {
    self.counts = counts
    places = Array(repeating: 0, count: counts.count)
    heads = Array(repeating: nil, count: counts.count)
    total = counts.reduce(0, +)
  }

  func hasNext(_ run: Int) -> Bool { places[run] < counts[run] }

  mutating func show(_ head: (Int64, EventOrder), of run: Int) { heads[run] = head }

  /// The run whose head comes first.
  var first: Int? {
    var best: Int?
    for run in heads.indices {
      guard let head = heads[run] else { continue }
      if let best, let least = heads[best],
        (least.time, least.order) <= (head.time, head.order)
      {
        continue
      }
      best = run
    }
    return best
  }

  mutating func advance(_ run: Int) -> Bool {
    places[run] += 1
    if places[run] < counts[run] { return true }
    heads[run] = nil
    return false
  }
}

extension FlowEngine {
  fileprivate mutating func flowPlace(_ place: Int) -> (Int64, EventOrder) {
    (buffer.base[place].time.nanoseconds, buffer.orders[place])
  }

  fileprivate mutating func sessionPlace(_ place: Int) -> (Int64, EventOrder) {
    (sessions.output.events[place].time.nanoseconds, sessions.output.orders[place])
  }
}
