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
    try read { database in
      var newest: (table: Table, position: Int64, index: Int, revision: UInt32)?
      for table in [Table.produced, .received] {
        try eachKeyRow(database, table, lane: nil) { position, _, keys in
          for (index, key) in keys.enumerated() where key.id == id {
            if let newest, newest.revision >= key.revision { continue }
            newest = (table, position, index, key.revision)
          }
        }
      }
      guard let newest,
        let batch = try batch(database, newest.table, at: newest.position)
      else { return nil }
      return ArchivedReport(child: batch.child, report: batch.reports[newest.index])
    }
  }

  /// Own reports of a lane in the order stored, whether or not anybody subscribed to them: at most
  /// `limit` after `cursor`, which is the `sequence` of the last one read; 0 to begin.
  public func own(
    lane: LaneName, after cursor: UInt64, limit: Int
  ) throws -> [SequencedReport] {
    let stride = Int64(Self.batchLimit)
    let start = Int64(clamping: cursor)
    return try read { database in
      let statement = try database.cachedStatement(
        sql: """
          SELECT position, keys, reports FROM produced_batches
          WHERE lane = ? AND position >= ? ORDER BY position
          """)
      let rows = try Row.fetchCursor(statement, arguments: [lane.text, start / stride])
      var found: [SequencedReport] = []
      while found.count < limit, let row = try rows.next() {
        let position: Int64 = try row.value(0)
        let keys = try keys(row.value(1), .produced, position)
        let reports = try reports(row.value(2), keys: keys, .produced, position)
        for (index, report) in reports.enumerated() {
          let place = UInt64(clamping: position &* stride &+ Int64(index))
          guard place > cursor, found.count < limit else { continue }
          found.append(SequencedReport(sequence: place, report: report))
        }
      }
      return found
    }
  }

  /// Newest revisions of own reports of the given classes, in the order in which their first
  /// revisions were stored.
  public func reports(
    lane: LaneName, classes: Set<ReportClass> = Set(ReportClass.allCases)
  ) throws -> [Report] {
    try newest(.produced, lane: lane, classes: classes).map(\.report)
  }

  /// Newest revisions of received reports of the given classes, in the order in which their first
  /// revisions were stored. Two children with the same report count as one.
  public func received(
    lane: LaneName, classes: Set<ReportClass> = Set(ReportClass.allCases)
  ) throws -> [ArchivedReport] {
    try newest(.received, lane: lane, classes: classes)
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

  private func newest(
    _ table: Table, lane: LaneName, classes: Set<ReportClass>
  ) throws -> [ArchivedReport] {
    try read { database in
      var order: [ReportID] = []
      var places: [ReportID: (position: Int64, index: Int, revision: UInt32)] = [:]
      try eachKeyRow(database, table, lane: lane) { position, _, keys in
        for (index, key) in keys.enumerated() where classes.contains(key.reportClass) {
          if let place = places[key.id] {
            if place.revision >= key.revision { continue }
          } else {
            order.append(key.id)
          }
          places[key.id] = (position, index, key.revision)
        }
      }
      var found: [ReportID: ArchivedReport] = [:]
      for position in Set(places.values.map(\.position)).sorted() {
        guard let batch = try batch(database, table, at: position) else { continue }
        for (index, report) in batch.reports.enumerated() {
          guard let place = places[report.id], place.position == position, place.index == index
          else { continue }
          found[report.id] = ArchivedReport(child: batch.child, report: report)
        }
      }
      return order.compactMap { found[$0] }
    }
  }
}
