import CHyperscan
import Glibc

/// The Hyperscan databases of an image, shared by all workers.
final class PatternDatabases: @unchecked Sendable {
  /// nil for scan points without contents; some share one.
  let databases: [OpaquePointer?]
  fileprivate let all: [OpaquePointer]

  /// nil when a database does not fit this machine or library.
  init?(_ image: RuleImage) {
    var databases: [OpaquePointer?] = []
    var known: [Int64: OpaquePointer] = [:]
    var isSound = true
    for scan in 0..<image.scans.count {
      let record = image.scans[scan]
      var database = known[record.databaseStart]
      if record.databaseCount == 0 {
        database = nil
      } else if database == nil {
        let bytes = UnsafeRawPointer(image.databases.base + Int(record.databaseStart))
        let result = hs_deserialize_database(
          bytes.assumingMemoryBound(to: CChar.self), Int(record.databaseCount), &database)
        isSound = isSound && result == HS_SUCCESS
        known[record.databaseStart] = database
      }
      databases.append(database)
    }
    self.databases = databases
    all = Array(known.values)
    guard isSound else { return nil }
  }

  deinit { for database in all { hs_free_database(database) } }
}

/// Searches bytes for the contents of a scan point; one for each worker.
struct Scanner {
  /// Candidates of one search; more are found by the next ones, or counted.
  static let hitLimit = 4096

  struct Hits {
    let patterns: UnsafeMutablePointer<UInt32>
    var count = 0
    var lost: UInt64 = 0
  }

  let databases: PatternDatabases
  private var scratch: OpaquePointer?
  let hits: UnsafeMutablePointer<Hits>

  init(_ databases: PatternDatabases) {
    self.databases = databases
    for database in databases.all { hs_alloc_scratch(database, &scratch) }
    hits = .allocate(capacity: 1)
    hits.initialize(to: Hits(patterns: .allocate(capacity: Self.hitLimit)))
  }

  func free() {
    if let scratch { hs_free_scratch(scratch) }
    hits.pointee.patterns.deallocate()
    hits.deallocate()
  }

  /// Leaves the patterns found in `hits`.
  @inline(__always) func scan(_ point: ScanPoint, _ bytes: UnsafeRawBufferPointer) {
    hits.pointee.count = 0
    guard let database = databases.databases[point.place], let base = bytes.baseAddress else {
      return
    }
    hs_scan(
      database, base.assumingMemoryBound(to: CChar.self),
      UInt32(truncatingIfNeeded: bytes.count), 0, scratch,
      { pattern, _, _, _, context in
        guard let hits = context?.assumingMemoryBound(to: Hits.self) else { return 1 }
        guard hits.pointee.count < Scanner.hitLimit else {
          hits.pointee.lost &+= 1
          return 1
        }
        hits.pointee.patterns[hits.pointee.count] = pattern
        hits.pointee.count &+= 1
        return 0
      }, hits)
  }
}
