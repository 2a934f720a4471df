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

  /// Makes a child's reports durable, with the position and watermark that came with them.
  mutating func appendReceived(
    _ reports: [SequencedReport], from child: MonitorName, lane: LaneName, through: UInt64,
    watermark: CaptureTime) throws

  /// A parent has everything through `sequence`.
  mutating func acknowledge(lane: LaneName, through sequence: UInt64) throws

  /// Own reports with a sequence later than `sequence`, in order.
  func unacknowledged(lane: LaneName, after sequence: UInt64, limit: Int) throws
    -> [SequencedReport]

  /// Everything needed to resume after a crash.
  func resumption() throws -> Resumption

  /// Received reports of a lane, in the order stored; `body` is called once per report.
  func eachReceived(lane: LaneName, _ body: (MonitorName, Report) -> Void) throws

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
  /// Every own report already stored: id and revision, by lane. Re-processing after a crash makes
  /// them again.
  public var produced: [LaneName: Set<ReportRevision>]

  public init(
    children: [ChildPosition] = [], outboxes: [Outbox] = [],
    produced: [LaneName: Set<ReportRevision>] = [:]
  ) {
    self.children = children
    self.outboxes = outboxes
    self.produced = produced
  }
}

/// One revision of one report.
public struct ReportRevision: Hashable, Sendable {
  public var id: ReportID
  public var revision: UInt32

  public init(id: ReportID, revision: UInt32) {
    self.id = id
    self.revision = revision
  }

  public init(_ report: Report) { self.init(id: report.id, revision: report.revision) }
}
