import Foundation
import GRDB
import Glibc
import Synchronization
import Terms

/// A monitor's reports on disk: its own (outbox and archive in one) and its children's (inbox),
/// in one SQLite file.
///
/// Reports are stored in batches, one row per append of up to `batchLimit`, so that the cost per
/// row is shared. One process writes (a second one is refused with `ArchiveFault.Reason.locked`);
/// any number may read at the same time through `ReportArchive(reading:)`. All errors are
/// `ArchiveFault`s.
public final class ReportArchive: Sendable {
  /// Reports per row at most.
  public static let batchLimit = 256
  /// Rows read for one page of `own(lane:classes:after:limit:bytes:)`.
  public static let batchesPerPage = 1024
  /// Rows appended between two looks at the retention limits.
  public static let retentionInterval = 256
  /// Rows dropped per table by one look, so that no append waits long.
  public static let retentionStep = 512
  /// Milliseconds that a reader waits for the writer to finish a checkpoint.
  static let busyMilliseconds = 5000

  public let path: String
  public let options: ArchiveOptions
  public let isReadOnly: Bool
  private let queue: DatabaseQueue
  private let lock: ArchiveLock?
  let counters = Mutex(Counters())

  /// What the archive counts in memory.
  struct Counters {
    /// Bytes of batches with an unacknowledged report.
    var spooled: Int64 = 0
    /// Rows appended since the last look at the limits.
    var appended = 0
    var losses = ArchiveLosses()
  }

  /// Opens `path` for writing, and creates it when there is none; the directory must exist.
  public init(_ path: String, options: ArchiveOptions = ArchiveOptions()) throws(ArchiveFault) {
    self.path = path
    self.options = options
    isReadOnly = false
    try Self.refuseOddFile(path)
    lock = try ArchiveLock(archive: path)
    var configuration = Configuration()
    configuration.prepareDatabase { try Self.prepare($0, options) }
    queue = try Self.located(path) {
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.writeWithoutTransaction { try Migrations.apply(to: $0, path: path) }
      return queue
    }
    let spooled = try Self.located(path) { try queue.read(Self.spooledBytes) }
    counters.withLock { $0.spooled = spooled }
  }

  /// Opens an existing archive for reading, also while a monitor writes to it.
  public init(reading path: String) throws(ArchiveFault) {
    self.path = path
    options = ArchiveOptions()
    isReadOnly = true
    lock = nil
    guard access(path, F_OK) == 0 else { throw ArchiveFault(path: path, reason: .missing) }
    try Self.refuseOddFile(path)
    queue = try Self.located(path) { try Self.reader(path) }
  }

  /// Runs `body` as one commit: several appends cost one flush, and all of them become durable,
  /// or none.
  public func transaction<T>(_ body: (ReportArchive) throws -> T) throws -> T {
    try write { _ in try body(self) }
  }

  /// Runs `body` inside a transaction: the one that is open, or one of its own.
  func write<T>(_ body: (Database) throws -> T) throws -> T {
    guard !isReadOnly else { throw ArchiveFault(path: path, reason: .readOnly) }
    let before = counters.withLock { $0 }
    return try Self.located(path) {
      try queue.unsafeReentrantWrite { database in
        if database.isInsideTransaction { return try body(database) }
        try database.beginTransaction(.immediate)
        do {
          let result = try body(database)
          try database.commit()
          return result
        } catch {
          // SQLite may have rolled back by itself (disk full): only the first error matters.
          try? database.rollback()
          counters.withLock { $0 = before }
          throw error
        }
      }
    }
  }

  func read<T>(_ body: (Database) throws -> T) throws -> T {
    try Self.located(path) { try queue.unsafeReentrantRead(body) }
  }

  private static func reader(_ path: String) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(Double(busyMilliseconds) / 1000)
    func open(_ name: String) throws -> DatabaseQueue {
      let queue = try DatabaseQueue(path: name, configuration: configuration)
      let version = try queue.read { try Migrations.check($0, path: path) }
      guard version > 0 else { throw ArchiveFault(path: path, reason: .foreign) }
      return queue
    }
    do {
      return try open(path)
    } catch let error as DatabaseError where error.resultCode == .SQLITE_CANTOPEN {
      // A directory that cannot be written leaves no room for SQLite's shared memory file. An
      // archive that was closed well can be read without it.
      guard access(path + "-wal", F_OK) != 0,
        let name = path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed)
      else { throw error }
      return try open("file:\(name)?immutable=1")
    }
  }

  private static func prepare(_ database: Database, _ options: ArchiveOptions) throws {
    if database.configuration.readonly { return }
    // A row is a batch of some 70 KB: large pages save most of its overflow chain.
    try database.execute(
      sql: """
        PRAGMA page_size = 32768;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = \(options.durability == .power ? "FULL" : "NORMAL");
        PRAGMA journal_size_limit = 67108864;
        """)
    if let limit = options.fileLimit {
      let page = try Int64.fetchOne(database, sql: "PRAGMA page_size") ?? 4096
      try database.execute(sql: "PRAGMA max_page_count = \(max(1, limit / page))")
    }
  }

  private static func refuseOddFile(_ path: String) throws(ArchiveFault) {
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw ArchiveFault(path: path, reason: .notAFile)
    }
  }

  private static func located<T>(_ path: String, _ body: () throws -> T) throws(ArchiveFault) -> T {
    do {
      return try body()
    } catch let fault as ArchiveFault {
      throw fault
    } catch let error as DatabaseError {
      throw ArchiveFault(path: path, error)
    } catch let error as RowDecodingError {
      throw ArchiveFault(path: path, reason: .corrupt("\(error)"))
    } catch {
      throw ArchiveFault(path: path, reason: .refused("\(error)"))
    }
  }
}
