import Reports
import Terms

/// What a monitor keeps durably: its own reports (the outbox, which is also its archive) and its
/// children's (the inbox).
///
/// `ReportArchive` keeps them in SQLite; the simulator's store keeps them in memory and survives
/// simulated crashes.
public protocol ReportStore {
  /// Makes own reports durable. Entries with a sequence wait for a parent's acknowledgement.
  mutating func appendProduced(_ reports: [ProducedReport], lane: LaneName) throws

  /// Makes a child's reports durable, with the position and watermark that came with them, and the
  /// event time that the lane had reached by then.
  mutating func appendReceived(
    _ reports: [SequencedReport], from child: MonitorName, lane: LaneName, through: UInt64,
    watermark: CaptureTime, reached: CaptureTime) throws

  /// Keeps a lane's state in place of its last one: that of a monitor which has taken in everything
  /// stored so far.
  mutating func saveCheckpoint(_ bytes: [UInt8], lane: LaneName) throws

  /// A parent has everything through `sequence`.
  mutating func acknowledge(lane: LaneName, through sequence: UInt64) throws

  /// Own reports with a sequence later than `sequence`, in order.
  func unacknowledged(lane: LaneName, after sequence: UInt64, limit: Int) throws
    -> [SequencedReport]

  /// Everything needed to resume after a crash: with the newest checkpoints and what was produced
  /// since, or without any and all that was ever produced.
  func resumption(usingCheckpoints: Bool) throws -> Resumption

  /// Received reports of a lane, in the order stored, from behind a place of the inbox on; `body` is
  /// called once per report, with the event time that the lane had reached when it came.
  func eachReceived(
    lane: LaneName, after place: Int64, _ body: (MonitorName, Report, CaptureTime) -> Void) throws

  /// Forgets a drill's reports, own and received.
  mutating func release(lane: LaneName) throws
}

/// An own report on its way into the store; `sequence` is nil when no parent subscribes to it.
public struct ProducedReport: Hashable, Sendable {
  public var sequence: UInt64?
  public var report: Report

  public init(sequence: UInt64?, report: Report) {
    self.sequence = sequence
    self.report = report
  }
}

/// What a monitor finds in its store when it starts.
public struct Resumption: Sendable {
  public struct ChildPosition: Sendable, Hashable {
    public var child: MonitorName
    public var lane: LaneName
    public var sequence: UInt64
    public var watermark: CaptureTime

    public init(
      child: MonitorName, lane: LaneName, sequence: UInt64, watermark: CaptureTime
    ) {
      self.child = child
      self.lane = lane
      self.sequence = sequence
      self.watermark = watermark
    }
  }

  public struct Outbox: Sendable, Hashable {
    public var lane: LaneName
    /// The newest sequence given out, and the newest one acknowledged.
    public var newest: UInt64
    public var acknowledged: UInt64

    public init(lane: LaneName, newest: UInt64, acknowledged: UInt64) {
      self.lane = lane
      self.newest = newest
      self.acknowledged = acknowledged
    }
  }

  public var children: [ChildPosition]
  public var outboxes: [Outbox]
  /// Every own report already stored, since the checkpoint where there is one: id and revision, by
  /// lane. Re-processing after a crash makes them again.
  public var produced: [LaneName: Set<ReportRevision>]
  /// The newest of each lane.
  public var checkpoints: [LaneName: Checkpoint]

  public init(
    children: [ChildPosition] = [], outboxes: [Outbox] = [],
    produced: [LaneName: Set<ReportRevision>] = [:], checkpoints: [LaneName: Checkpoint] = [:]
  ) {
    self.checkpoints = checkpoints
    self.children = children
    self.outboxes = outboxes
    self.produced = produced
  }
}

/// One revision of one report.
public struct ReportRevision: Hashable, Sendable, Codable {
  public var id: ReportID
  public var revision: UInt32

  public init(id: ReportID, revision: UInt32) {
    self.id = id
    self.revision = revision
  }

  public init(_ report: Report) { self.init(id: report.id, revision: report.revision) }
}
