import Foundation
import GRDB
import Reports
import Terms

/// One row's worth of reports on the way into the archive.
struct Batch {
  var keys: [BatchKey] = []
  var reports: [Report] = []
  var firstSequence: UInt64?
  var lastSequence: UInt64?
  var firstEmitted = CaptureTime.distantFuture
  var lastEmitted = CaptureTime.distantPast

  mutating func append(_ report: Report, sequence: UInt64?) {
    keys.append(BatchKey(report, sequence: sequence))
    reports.append(report)
    firstEmitted = min(firstEmitted, report.emitted)
    lastEmitted = max(lastEmitted, report.emitted)
    guard let sequence else { return }
    firstSequence = min(firstSequence ?? sequence, sequence)
    lastSequence = max(lastSequence ?? sequence, sequence)
  }
}

/// A row as it comes back.
struct StoredBatch {
  var position: Int64
  var child: MonitorName?
  var keys: [BatchKey]
  var reports: [Report]
}

extension ReportArchive {
  /// The table a batch lies in.
  enum Table: String {
    case produced = "produced_batches"
    case received = "received_batches"
  }

  func damaged(_ table: Table, _ position: Int64, _ words: String) -> ArchiveFault {
    ArchiveFault(path: path, reason: .corrupt("\(table.rawValue) \(position): \(words)"))
  }

  func keys(_ data: Data?, _ table: Table, _ position: Int64) throws -> [BatchKey] {
    guard let keys = BatchKey.unpack(data) else {
      throw damaged(table, position, "keys of \(data?.count ?? 0) bytes")
    }
    return keys
  }

  /// Decodes a row's reports and holds them against its keys.
  func reports(
    _ data: Data?, keys: [BatchKey], _ table: Table, _ position: Int64
  ) throws -> [Report] {
    let reports: [Report]
    do {
      reports = try ReportCoding.decodeList(Array(data ?? Data()))
    } catch {
      throw damaged(table, position, "\(error)")
    }
    guard reports.count == keys.count else {
      throw damaged(table, position, "\(reports.count) reports under \(keys.count) keys")
    }
    return reports
  }

  /// Decodes one row; nil when it is gone.
  func batch(_ database: Database, _ table: Table, at position: Int64) throws -> StoredBatch? {
    let child = table == .received ? "child" : "NULL"
    let statement = try database.cachedStatement(
      sql: "SELECT \(child), keys, reports FROM \(table.rawValue) WHERE position = ?")
    guard let row = try Row.fetchOne(statement, arguments: [position]) else { return nil }
    let name: String? = try row.value(0)
    let keys = try keys(row.value(1), table, position)
    let reports = try reports(row.value(2), keys: keys, table, position)
    return StoredBatch(
      position: position, child: name.flatMap { MonitorName($0) }, keys: keys, reports: reports)
  }
}

extension Row {
  /// A column's value; a damaged file can hold what its layout forbids, and GRDB's subscript would
  /// trap on it.
  func value<Value: DatabaseValueConvertible & StatementColumnConvertible>(
    _ index: Int
  ) throws -> Value {
    try decode(Value.self, atIndex: index)
  }
}
