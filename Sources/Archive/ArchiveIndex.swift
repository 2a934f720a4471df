import GRDB
import Reports

/// Where the newest revision of every report of an archive lies: for tools that look up many.
/// About 60 bytes of memory a report.
///
/// It shows the archive as it was when the index was made.
public struct ArchiveIndex {
  private struct Place {
    var table: ReportArchive.Table
    var position: Int64
    var index: Int32
    var revision: UInt32
  }

  /// Decoded batches kept for the next look-up: reports that belong together lie near each other.
  private static let cachedBatches = 16

  public let archive: ReportArchive
  /// Every id, ascending.
  public let ids: [ReportID]
  private let places: [ReportID: Place]
  private var cache: [(table: ReportArchive.Table, batch: StoredBatch)] = []

  public init(_ archive: ReportArchive) throws {
    self.archive = archive
    var places: [ReportID: Place] = [:]
    try archive.read { database in
      for table in [ReportArchive.Table.produced, .received] {
        try archive.eachKeyRow(database, table, lane: nil) { position, _, keys in
          for (index, key) in keys.enumerated() {
            if let place = places[key.id], place.revision >= key.revision { continue }
            places[key.id] = Place(
              table: table, position: position, index: Int32(clamping: index),
              revision: key.revision)
          }
        }
      }
    }
    self.places = places
    ids = places.keys.sorted()
  }

  /// The newest revision of `id`; nil when the archive has none, or lost it to retention meanwhile.
  public mutating func report(_ id: ReportID) throws -> ArchivedReport? {
    guard let place = places[id], let batch = try batch(place) else { return nil }
    guard Int(place.index) < batch.reports.count else { return nil }
    return ArchivedReport(child: batch.child, report: batch.reports[Int(place.index)])
  }

  private mutating func batch(_ place: Place) throws -> StoredBatch? {
    if let held = cache.first(where: {
      $0.table == place.table && $0.batch.position == place.position
    }) {
      return held.batch
    }
    let found = try archive.read { try archive.batch($0, place.table, at: place.position) }
    guard let found else { return nil }
    if cache.count == Self.cachedBatches { cache.removeFirst() }
    cache.append((place.table, found))
    return found
  }
}
