import Analysis
import Monitoring
import Reports
import Terms

/// How far the newest checkpoint of live traffic reaches.
struct CheckpointMark: Sendable {
  /// Reports received by then, and the event time reached.
  var received: UInt64 = 0
  var time = CaptureTime.distantPast
  var bytes = 0
  /// Why there will be none.
  var fault: String?
}

/// A monitor above the local tier keeps its state with its inbox: after a crash it goes on from
/// there, with what the inbox holds behind it.
extension MonitorNode {
  /// A monitor as its store has it, begun. A checkpoint that is damaged, of another version or of
  /// another topology is told of, and the whole inbox is taken again.
  public init(
    _ configuration: NodeConfiguration, from store: some ReportStore, _ now: HostTime
  ) throws {
    var resumption = try store.resumption(usingCheckpoints: true)
    self.init(configuration, resuming: resumption)
    if let checkpoint = resumption.checkpoints[.live], configuration.tier != .local {
      do {
        try restore(checkpoint.bytes)
      } catch {
        resumption = try store.resumption(usingCheckpoints: false)
        self.init(configuration, resuming: resumption)
        log(
          .warning, "checkpoint not taken up: the inbox is read again from its beginning",
          ["reason": "\(error)"])
      }
    }
    let place = resumption.checkpoints[.live]?.received ?? 0
    try store.eachReceived(lane: .live, after: place) { child, report, reached in
      resume(report, of: child, reached: reached)
    }
    start(now, resuming: resumption)
  }

  /// Whether so much has come since the last one that a new one is worth its bytes.
  var isCheckpointDue: Bool {
    guard checkpointed.fault == nil, let lane = lanes[.live] else { return false }
    let fresh = lane.received - min(lane.received, checkpointed.received)
    guard fresh > 0,
      fresh >= UInt64(checkpointed.bytes / configuration.checkpointBytesPerReport)
    else { return false }
    return fresh >= configuration.checkpointReports
      || lane.watermark - checkpointed.time >= configuration.checkpointSpan
  }

  /// Keeps the state of live traffic as it is now.
  mutating func checkpoint() {
    guard configuration.tier != .local, checkpointed.fault == nil, let lane = lanes[.live]
    else { return }
    do {
      let bytes = Checkpoint.seal(try lane.state(), site: configuration.digest)
      checkpointed.received = lane.received
      checkpointed.time = lane.watermark
      checkpointed.bytes = bytes.count
      add(.storeCheckpoint(.live, bytes))
    } catch {
      checkpointed.fault = "\(error)"
      log(.warning, "no checkpoints", ["reason": "\(error)"])
    }
  }

  private mutating func restore(_ bytes: [UInt8]) throws {
    let state = try Checkpoint.open(bytes, site: configuration.digest)
    try lanes[.live]?.restore(state)
    checkpointed.received = lanes[.live]?.received ?? 0
    checkpointed.time = lanes[.live]?.watermark ?? .distantPast
    checkpointed.bytes = bytes.count
  }
}

extension NodeLane {
  func state() throws -> [UInt8] {
    let encoder = StateEncoder()
    try encoder.encode(correlation?.state())
    try encoder.encode(council?.state())
    try encoder.encode(output.state)
    try encoder.encode(received)
    try encoder.encode(watermark)
    return encoder.bytes
  }

  mutating func restore(_ bytes: [UInt8]) throws {
    let decoder = StateDecoder(bytes)
    if let state = try decoder.decode([UInt8]?.self) { try correlation?.restore(state) }
    if let state = try decoder.decode([UInt8]?.self) { try council?.restore(state) }
    output.restore(try decoder.decode())
    received = try decoder.decode()
    watermark = try decoder.decode()
    guard decoder.isAtEnd else { throw decoder.fault("more than belongs there") }
  }
}
