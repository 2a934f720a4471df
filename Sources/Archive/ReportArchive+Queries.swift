import Foundation
import GRDB
import Monitoring
import Reports
import Terms

/// A report as an archive holds it.
public struct ArchivedReport: Sendable, Hashable {
  /// The child that sent it; nil for an own report.
  public var child: MonitorName?
  public var report: Report

  public init(child: MonitorName?, report: Report) {
    self.child = child
    self.report = report
  }
}

/// A piece of a lane's own reports.
public struct ReportPage: Sendable, Hashable {
  public var entries: [SequencedReport] = []
  /// Ask again after this place; nil when there is nothing more now.
  public var next: UInt64?

  public init() {}
}

/// How many reports an archive holds of one lane.
public struct LaneCounts: Sendable, Hashable {
  public var produced = 0
  public var received = 0
  /// Own reports given a sequence, and how many of those a parent acknowledged.
  public var newest: UInt64 = 0
  public var acknowledged: UInt64 = 0

  public init() {}
}

extension ReportArchive {
  /// The newest revision of `id`, own or received; own first when both have the same.
  public func report(_ id: ReportID) throws -> ArchivedReport? {
    try newest([.produced, .received], lane: nil) { $0.id == id }.first
  }

  /// The newest revisions of those of `ids` that are here, own or received, in no given order.
  public func reports(_ ids: Set<ReportID>) throws -> [ArchivedReport] {
    try newest([.produced, .received], lane: nil) { ids.contains($0.id) }
  }

  /// Own reports of a lane in the order stored, whether or not anybody subscribed to them: those of
  /// `classes` after `cursor`, the `next` of the page before; 0 to begin.
  ///
  /// A page ends after `limit` reports, before they come to more than `bytes` (by estimate), or
  /// after `batchesPerPage` batches, so that no question keeps a monitor long. A report of more
  /// than `bytes` is passed over.
  public func own(
    lane: LaneName, classes: Set<ReportClass> = Set(ReportClass.allCases), after cursor: UInt64,
    limit: Int, bytes: Int = .max
  ) throws -> ReportPage {
    let stride = Int64(Self.batchLimit)
    let start = Int64(clamping: cursor)
    return try read { database in
      let statement = try database.cachedStatement(
        sql: """
          SELECT position, keys, reports FROM produced_batches
          WHERE lane = ? AND position >= ? ORDER BY position
          """)
      let rows = try Row.fetchCursor(statement, arguments: [lane.text, start / stride])
      var page = ReportPage()
      var (size, batches) = (0, 0)
      while let row = try rows.next() {
        guard batches < Self.batchesPerPage else { return page }
        batches += 1
        let position: Int64 = try row.value(0)
        let keys = try keys(row.value(1), .produced, position)
        let isWanted = keys.contains { classes.contains($0.reportClass) }
        let held = isWanted ? try reports(row.value(2), keys: keys, .produced, position) : []
        for (index, report) in held.enumerated() where classes.contains(report.reportClass) {
          let place = UInt64(clamping: position &* stride &+ Int64(index))
          let length = ReportCoding.sizeEstimate(report)
          guard place > cursor, length <= bytes else { continue }
          guard page.entries.count < limit, size + length <= bytes else { return page }
          size += length
          page.entries.append(SequencedReport(sequence: place, report: report))
          page.next = place
        }
        page.next = UInt64(clamping: position &* stride &+ (stride - 1))
      }
      page.next = nil
      return page
    }
  }

  /// Newest revisions of own reports of the given classes, in the order in which their first
  /// revisions were stored.
  public func reports(
    lane: LaneName, classes: Set<ReportClass> = Set(ReportClass.allCases)
  ) throws -> [Report] {
    try newest([.produced], lane: lane) { classes.contains($0.reportClass) }.map(\.report)
  }

  /// Newest revisions of received reports of the given classes, in the order in which their first
  /// revisions were stored. Two children with the same report count as one.
  public func received(
    lane: LaneName, classes: Set<ReportClass> = Set(ReportClass.allCases)
  ) throws -> [ArchivedReport] {
    try newest([.received], lane: lane) { classes.contains($0.reportClass) }
  }

  /// Lanes with anything stored, live first.
  public func lanes() throws -> [LaneName] {
    try read { database in
      try String.fetchAll(
        database,
        sql: """
          SELECT lane FROM produced_batches UNION SELECT lane FROM received_batches
          UNION SELECT lane FROM children UNION SELECT lane FROM outboxes ORDER BY lane
          """
      ).map { LaneName($0) }
    }
  }

  public func counts(lane: LaneName) throws -> LaneCounts {
    try read { database in
      func sum(_ table: Table) throws -> Int {
        try Int.fetchOne(
          database, sql: "SELECT sum(count) FROM \(table.rawValue) WHERE lane = ?",
          arguments: [lane.text]) ?? 0
      }
      var counts = LaneCounts()
      counts.produced = try sum(.produced)
      counts.received = try sum(.received)
      let outbox = try Row.fetchOne(
        database, sql: "SELECT newest, acknowledged FROM outboxes WHERE lane = ?",
        arguments: [lane.text])
      counts.newest = UInt64(clamping: try outbox?.value(0) as Int64? ?? 0)
      counts.acknowledged = UInt64(clamping: try outbox?.value(1) as Int64? ?? 0)
      return counts
    }
  }

  /// Walks the keys of a table, oldest batch first.
  func eachKeyRow(
    _ database: Database, _ table: Table, lane: LaneName?, after place: Int64 = 0,
    _ body: (Int64, LaneName, [BatchKey]) throws -> Void
  ) throws {
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT position, lane, keys FROM \(table.rawValue)
        WHERE position > ? \(lane == nil ? "" : "AND lane = ?") ORDER BY position
        """, arguments: lane.map { [place, $0.text] } ?? [place])
    while let row = try rows.next() {
      let position: Int64 = try row.value(0)
      try body(position, LaneName(row.value(1)), keys(row.value(2), table, position))
    }
  }

  /// Newest revisions of the reports whose keys `wants` takes, in the order in which their first
  /// revisions were stored, table by table.
  private func newest(
    _ tables: [Table], lane: LaneName?, where wants: (BatchKey) -> Bool
  ) throws -> [ArchivedReport] {
    try read { database in
      var order: [ReportID] = []
      var places: [ReportID: Place] = [:]
      for table in tables {
        try eachKeyRow(database, table, lane: lane) { position, _, keys in
          for (index, key) in keys.enumerated() where wants(key) {
            if let place = places[key.id] {
              if place.revision >= key.revision { continue }
            } else {
              order.append(key.id)
            }
            places[key.id] = Place(
              table: table, position: position, index: index, revision: key.revision)
          }
        }
      }
      var found: [ReportID: ArchivedReport] = [:]
      for table in tables {
        let positions = Set(places.values.lazy.filter { $0.table == table }.map(\.position))
        for position in positions.sorted() {
          guard let batch = try batch(database, table, at: position) else { continue }
          for (index, report) in batch.reports.enumerated() {
            guard let place = places[report.id], place.table == table,
              place.position == position, place.index == index
            else { continue }
            found[report.id] = ArchivedReport(child: batch.child, report: report)
          }
        }
      }
      return order.compactMap { found[$0] }
    }
  }

  /// Where the newest revision of a report lies.
  private struct Place {
    var table: Table
    var position: Int64
    var index: Int
    var revision: UInt32
  }
}
