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

    /// In place: a lane taken out and put back would be copied with all that it holds.
    mutating func append(
      _ reports: [SequencedReport], from child: MonitorName, through: UInt64,
      watermark: CaptureTime, reached: CaptureTime
    ) {
      for entry in reports {
        received.append(Received(child: child, report: entry.report, reached: reached))
      }
      let old = positions[child] ?? (0, .distantPast)
      positions[child] = (max(old.sequence, through), max(old.watermark, watermark))
    }
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
    lanes[lane, default: LaneStore()].append(
      reports, from: child, through: through, watermark: watermark, reached: reached)
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
    guard let produced = lanes[lane]?.produced else { return [] }
    // Sequences ascend, and what waits stands at the end.
    let known = produced.lastIndex { $0.sequence.map { $0 <= sequence } ?? false } ?? -1
    return Array(
      produced[(known + 1)...].lazy
        .compactMap { entry in
          entry.sequence.map { SequencedReport(sequence: $0, report: entry.report) }
        }
        .prefix(limit))
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
