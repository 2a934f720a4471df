import Terms

/// How durable an archive is, and how much it keeps.
public struct ArchiveOptions: Sendable, Hashable {
  /// When a commit reaches the disk.
  public enum Durability: String, Sendable {
    /// `synchronous=NORMAL` in WAL mode: a commit survives the death of the process (`kill -9`)
    /// because the kernel holds it; a power loss may undo the last commits, never corrupt the
    /// file. A parent that lost acknowledged reports so asks its children again from its own
    /// position, and they still have them until retention.
    case process
    /// `synchronous=FULL`: every commit is flushed to the disk and survives a power loss.
    case power
  }

  public var durability: Durability
  /// Batches whose newest report is older than this, by event time of their lane, are dropped;
  /// nil keeps them.
  public var keepFor: TimeSpan?
  /// Bytes in use (pages of the file that hold something) above which the oldest batches are
  /// dropped.
  public var keepBytes: Int64
  /// Bytes of reports awaiting acknowledgement above which new evidence is refused, and counted.
  /// Detections and incidents are always taken.
  public var spoolBytes: Int64
  /// Bytes that the file can never exceed; writing more fails with `.full`. nil leaves it to the
  /// disk.
  public var fileLimit: Int64?

  /// 4 GiB: about five million evidence reports.
  public static let standardKeepBytes: Int64 = 4 << 30
  /// 1 GiB of unacknowledged reports: hours of a busy child without a parent.
  public static let standardSpoolBytes: Int64 = 1 << 30

  public init(
    durability: Durability = .process, keepFor: TimeSpan? = nil,
    keepBytes: Int64 = standardKeepBytes, spoolBytes: Int64 = standardSpoolBytes,
    fileLimit: Int64? = nil
  ) {
    self.durability = durability
    self.keepFor = keepFor
    self.keepBytes = keepBytes
    self.spoolBytes = spoolBytes
    self.fileLimit = fileLimit
  }
}
