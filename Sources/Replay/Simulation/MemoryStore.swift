import Monitoring
import Reports
import Terms

/// A monitor's store in memory: it outlives the simulated process, as SQLite outlives a real one.
struct MemoryStore: ReportStore {
  struct Received {
    var child: MonitorName
    var report: Report
    /// The event time that the lane had reached by then.
    var reached: CaptureTime
  }

  private struct LaneStore {
    var produced: [ProducedReport] = []
    var received: [Received] = []
    var positions: [MonitorName: (sequence: UInt64, watermark: CaptureTime)] = [:]
    var newest: UInt64 = 0
    var acknowledged: UInt64 = 0
    var checkpoint: Checkpoint?
  }

  private var lanes: [LaneName: LaneStore] = [:]

  /// Own reports of a lane, in the order stored.
  func produced(lane: LaneName) -> [ProducedReport] { lanes[lane]?.produced ?? [] }

  /// Reports of children, in the order stored.
  func received(lane: LaneName) -> [Received] { lanes[lane]?.received ?? [] }

  mutating func appendProduced(_ reports: [ProducedReport], lane: LaneName) {
    lanes[lane, default: LaneStore()].produced += reports
    if let newest = reports.compactMap(\.sequence).last { lanes[lane]?.newest = newest }
  }

  mutating func appendReceived(
    _ reports: [SequencedReport], from child: MonitorName, lane: LaneName, through: UInt64,
    watermark: CaptureTime, reached: CaptureTime
  ) {
    var store = lanes[lane] ?? LaneStore()
    store.received += reports.map {
      Received(child: child, report: $0.report, reached: reached)
    }
    let old = store.positions[child] ?? (0, .distantPast)
    store.positions[child] = (max(old.sequence, through), max(old.watermark, watermark))
    lanes[lane] = store
  }

  mutating func saveCheckpoint(_ bytes: [UInt8], lane: LaneName) {
    let store = lanes[lane] ?? LaneStore()
    lanes[lane, default: LaneStore()].checkpoint = Checkpoint(
      bytes: bytes, received: Int64(store.received.count), produced: Int64(store.produced.count))
  }

  mutating func acknowledge(lane: LaneName, through sequence: UInt64) {
    let old = lanes[lane]?.acknowledged ?? 0
    lanes[lane]?.acknowledged = max(old, sequence)
  }

  func unacknowledged(
    lane: LaneName, after sequence: UInt64, limit: Int
  ) -> [SequencedReport] {
    Array(
      (lanes[lane]?.produced ?? []).lazy
        .compactMap { entry in
          entry.sequence.map { SequencedReport(sequence: $0, report: entry.report) }
        }
        .filter { $0.sequence > sequence }.prefix(limit))
  }

  func resumption(usingCheckpoints: Bool) -> Resumption {
    var resumption = Resumption()
    for (lane, store) in lanes.sorted(by: { $0.key < $1.key }) {
      for (child, position) in store.positions.sorted(by: { $0.key < $1.key }) {
        resumption.children.append(
          Resumption.ChildPosition(
            child: child, lane: lane, sequence: position.sequence, watermark: position.watermark))
      }
      resumption.outboxes.append(
        Resumption.Outbox(lane: lane, newest: store.newest, acknowledged: store.acknowledged))
      if usingCheckpoints { resumption.checkpoints[lane] = store.checkpoint }
      let start = Int(resumption.checkpoints[lane]?.produced ?? 0)
      resumption.produced[lane] = Set(
        store.produced.dropFirst(start).map { ReportRevision($0.report) })
    }
    return resumption
  }

  func eachReceived(
    lane: LaneName, after place: Int64, _ body: (MonitorName, Report, CaptureTime) -> Void
  ) {
    for entry in (lanes[lane]?.received ?? []).dropFirst(Int(place)) {
      body(entry.child, entry.report, entry.reached)
    }
  }

  mutating func release(lane: LaneName) { lanes[lane] = nil }
}
