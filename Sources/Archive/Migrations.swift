import GRDB

/// The archive's layout over time: an append-only list; a file's `user_version` is how many were
/// applied.
enum Migrations {
  /// Marks a file as a report archive (`PRAGMA application_id`): "Brl1".
  static let applicationID: Int64 = 0x4272_6c31

  /// Never edit one that was released: append.
  static let all: [String] = [
    """
    CREATE TABLE produced_batches (
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      lane TEXT NOT NULL,
      first_sequence INTEGER, -- of the reports that wait for a parent; null when none does
      last_sequence INTEGER,
      first_emitted INTEGER NOT NULL, -- least and greatest event time, ns since 1970
      last_emitted INTEGER NOT NULL,
      count INTEGER NOT NULL,
      bytes INTEGER NOT NULL, -- length of reports
      keys BLOB NOT NULL, -- BatchKey, 29 bytes a report
      reports BLOB NOT NULL -- ReportCoding batch
    ) STRICT;
    CREATE INDEX produced_spool ON produced_batches (lane, last_sequence, bytes)
      WHERE last_sequence IS NOT NULL;
    CREATE INDEX produced_lane ON produced_batches (lane, position, last_emitted);
    CREATE TABLE received_batches (
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      lane TEXT NOT NULL,
      child TEXT NOT NULL,
      through INTEGER NOT NULL,
      first_emitted INTEGER NOT NULL,
      last_emitted INTEGER NOT NULL,
      count INTEGER NOT NULL,
      bytes INTEGER NOT NULL,
      keys BLOB NOT NULL,
      reports BLOB NOT NULL
    ) STRICT;
    CREATE INDEX received_lane ON received_batches (lane, position, last_emitted);
    CREATE TABLE children (
      child TEXT NOT NULL,
      lane TEXT NOT NULL,
      sequence INTEGER NOT NULL,
      watermark INTEGER NOT NULL,
      PRIMARY KEY (child, lane)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE outboxes (
      lane TEXT NOT NULL PRIMARY KEY,
      newest INTEGER NOT NULL,
      acknowledged INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
    """
    -- The event time that the lane had reached when the batch came.
    ALTER TABLE received_batches
      ADD COLUMN reached INTEGER NOT NULL DEFAULT -9223372036854775808;
    CREATE TABLE checkpoints (
      lane TEXT NOT NULL PRIMARY KEY,
      received INTEGER NOT NULL, -- the newest positions that the state holds
      produced INTEGER NOT NULL,
      state BLOB NOT NULL -- Checkpoint
    ) STRICT;
    """,
  ]

  /// Brings a file to the newest layout, or refuses it.
  static func apply(to database: Database, path: String) throws {
    let version = try check(database, path: path)
    guard version < all.count else { return }
    for number in version..<all.count {
      try database.inTransaction(.immediate) {
        try database.execute(sql: all[number])
        try database.execute(sql: "PRAGMA application_id = \(applicationID)")
        try database.execute(sql: "PRAGMA user_version = \(number + 1)")
        return .commit
      }
    }
  }

  /// The file's version: 0 for a new file. Throws for a foreign file or one of a newer Beryl.
  @discardableResult
  static func check(_ database: Database, path: String) throws -> Int {
    let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    let application = try Int64.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
    guard application == applicationID || (application == 0 && tables == 0 && version == 0) else {
      throw ArchiveFault(path: path, reason: .foreign)
    }
    guard version <= all.count, version >= 0 else {
      throw ArchiveFault(
        path: path, reason: .newerVersion(found: version, known: all.count))
    }
    return version
  }
}
