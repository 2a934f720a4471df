import GRDB
import Monitoring
import Synchronization
import Terms

/// What an archive could not keep; all counts since it was opened.
public struct ArchiveLosses: Sendable, Hashable {
  /// Evidence reports refused because the spool was full (`ArchiveOptions.spoolBytes`).
  public var refused: UInt64 = 0
  /// Reports dropped because they were too old or the archive too large.
  public var expired: UInt64 = 0

  public init() {}

  /// By the names that a monitor's status uses.
  public var named: [String: UInt64] {
    ["archive.evidence-refused": refused, "archive.reports-expired": expired]
      .filter { $0.value > 0 }
  }
}

extension ReportArchive {
  public var losses: ArchiveLosses { counters.withLock { $0.losses } }

  /// Bytes of batches that wait for a parent.
  public var spooledBytes: Int64 { counters.withLock { $0.spooled } }

  /// Bytes of the file that hold something.
  public func usedBytes() throws -> Int64 { try read(Self.usedBytes) }

  static func usedBytes(_ database: Database) throws -> Int64 {
    func pragma(_ name: String) throws -> Int64 {
      try Int64.fetchOne(database, sql: "PRAGMA \(name)") ?? 0
    }
    return try (pragma("page_count") - pragma("freelist_count")) * pragma("page_size")
  }

  /// Drops the oldest batches past the limits of age and size, at most `retentionStep` rows of a
  /// table; batches with an unacknowledged report stay. Returns the number of reports dropped.
  @discardableResult
  public func enforceRetention() throws -> Int { try write(enforceRetention) }

  func enforceRetentionSometimes(_ database: Database) throws {
    let isDue = counters.withLock { counters in
      guard counters.appended >= Self.retentionInterval else { return false }
      counters.appended = 0
      return true
    }
    if isDue { try enforceRetention(database) }
  }

  @discardableResult
  private func enforceRetention(_ database: Database) throws -> Int {
    var dropped = 0
    if let span = options.keepFor { dropped += try dropOld(database, than: span) }
    var rows = 0
    while rows < Self.retentionStep, try Self.usedBytes(database) > options.keepBytes {
      let count = try dropOldest(database, rows: 16)
      guard count > 0 else { break }
      dropped += count
      rows += 16
    }
    counters.withLock { $0.losses.expired += UInt64(dropped) }
    return dropped
  }

  /// A batch that no parent waits for.
  private static let isSettled = """
    (last_sequence IS NULL OR last_sequence <=
      coalesce((SELECT acknowledged FROM outboxes o WHERE o.lane = b.lane), 0))
    """

  private func dropOld(_ database: Database, than span: TimeSpan) throws -> Int {
    var dropped = 0
    for (table, condition) in [(Table.produced, Self.isSettled), (.received, "true")] {
      let lanes = try Row.fetchAll(
        database, sql: "SELECT lane, max(last_emitted) FROM \(table.rawValue) GROUP BY lane")
      for lane in lanes {
        let limit = CaptureTime(nanoseconds: try lane.value(1)) - span
        dropped += try drop(
          database, table,
          """
          SELECT position FROM \(table.rawValue) b
          WHERE lane = ? AND last_emitted < ? AND \(condition)
          ORDER BY position LIMIT \(Self.retentionStep)
          """, [try lane.value(0) as String, limit.nanoseconds])
      }
    }
    return dropped
  }

  /// Drops `rows` settled batches of the table whose oldest one is older.
  private func dropOldest(_ database: Database, rows: Int) throws -> Int {
    let produced = "FROM produced_batches b WHERE \(Self.isSettled) ORDER BY position LIMIT"
    let received = "FROM received_batches b ORDER BY position LIMIT"
    let own = try Int64.fetchOne(database, sql: "SELECT last_emitted \(produced) 1")
    let children = try Int64.fetchOne(database, sql: "SELECT last_emitted \(received) 1")
    if let children, own.map({ children <= $0 }) ?? true {
      return try drop(database, .received, "SELECT position \(received) \(rows)", [])
    }
    guard own != nil else { return 0 }
    return try drop(database, .produced, "SELECT position \(produced) \(rows)", [])
  }

  private func drop(
    _ database: Database, _ table: Table, _ positions: String, _ arguments: StatementArguments
  ) throws -> Int {
    let counts = try Int.fetchAll(
      database,
      sql: "DELETE FROM \(table.rawValue) WHERE position IN (\(positions)) RETURNING count",
      arguments: arguments)
    return counts.reduce(0, +)
  }
}
