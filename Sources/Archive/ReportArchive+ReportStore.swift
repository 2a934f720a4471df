import Foundation
import GRDB
import Monitoring
import Reports
import Synchronization
import Terms

extension ReportArchive: ReportStore {
  public func appendProduced(_ reports: [ProducedReport], lane: LaneName) throws {
    guard !reports.isEmpty else { return }
    try write { database in
      var rest = admitted(reports)[...]
      while !rest.isEmpty {
        var batch = Batch()
        for produced in rest.prefix(Self.batchLimit) {
          batch.append(produced.report, sequence: produced.sequence)
        }
        rest = rest.dropFirst(Self.batchLimit)
        try insert(database, batch, lane: lane)
      }
      // A refused report keeps its sequence: the cursor must not give it out again.
      if let newest = reports.lazy.compactMap(\.sequence).max() {
        try database.cachedStatement(
          sql: """
            INSERT INTO outboxes (lane, newest, acknowledged) VALUES (?, ?, 0)
            ON CONFLICT (lane) DO UPDATE SET newest = max(newest, excluded.newest)
            """
        ).execute(arguments: [lane.text, Int64(clamping: newest)])
      }
      try enforceRetentionSometimes(database)
    }
  }

  public func appendReceived(
    _ reports: [SequencedReport], from child: MonitorName, lane: LaneName, through: UInt64,
    watermark: CaptureTime, reached: CaptureTime = .distantPast
  ) throws {
    try write { database in
      var rest = reports[...]
      while !rest.isEmpty {
        var batch = Batch()
        for received in rest.prefix(Self.batchLimit) {
          batch.append(received.report, sequence: received.sequence)
        }
        rest = rest.dropFirst(Self.batchLimit)
        try insert(
          database, batch, from: child, lane: lane, through: through, reached: reached)
      }
      try database.cachedStatement(
        sql: """
          INSERT INTO children (child, lane, sequence, watermark) VALUES (?, ?, ?, ?)
          ON CONFLICT (child, lane) DO UPDATE
          SET sequence = excluded.sequence, watermark = excluded.watermark
          """
      ).execute(
        arguments: [child.text, lane.text, Int64(clamping: through), watermark.nanoseconds])
      try enforceRetentionSometimes(database)
    }
  }

  public func acknowledge(lane: LaneName, through sequence: UInt64) throws {
    try write { database in
      let statement = try database.cachedStatement(
        sql: "SELECT acknowledged FROM outboxes WHERE lane = ?")
      let before = try Int64.fetchOne(statement, arguments: [lane.text]) ?? 0
      let through = Int64(clamping: sequence)
      guard through > before else { return }
      try database.cachedStatement(
        sql: """
          INSERT INTO outboxes (lane, newest, acknowledged) VALUES (?1, ?2, ?2)
          ON CONFLICT (lane) DO UPDATE
          SET acknowledged = excluded.acknowledged, newest = max(newest, excluded.newest)
          """
      ).execute(arguments: [lane.text, through])
      let freed = try database.cachedStatement(
        sql: """
          SELECT sum(bytes) FROM produced_batches
          WHERE lane = ? AND last_sequence > ? AND last_sequence <= ?
          """)
      let bytes = try Int64.fetchOne(freed, arguments: [lane.text, before, through]) ?? 0
      counters.withLock { $0.spooled -= bytes }
    }
  }

  public func unacknowledged(lane: LaneName, after sequence: UInt64, limit: Int) throws
    -> [SequencedReport]
  {
    try read { database in
      let statement = try database.cachedStatement(
        sql: """
          SELECT position, keys, reports FROM produced_batches
          WHERE lane = ? AND last_sequence > ? ORDER BY last_sequence
          """)
      let rows = try Row.fetchCursor(
        statement, arguments: [lane.text, Int64(clamping: sequence)])
      var found: [SequencedReport] = []
      while found.count < limit, let row = try rows.next() {
        let position: Int64 = try row.value(0)
        let keys = try keys(row.value(1), .produced, position)
        let reports = try reports(row.value(2), keys: keys, .produced, position)
        for (key, report) in zip(keys, reports) where key.sequence > sequence {
          found.append(SequencedReport(sequence: key.sequence, report: report))
        }
      }
      return Array(found.sorted { $0.sequence < $1.sequence }.prefix(max(0, limit)))
    }
  }

  public func resumption(usingCheckpoints: Bool = true) throws -> Resumption {
    try read { database in
      var resumption = Resumption()
      let children = try Row.fetchCursor(
        database,
        sql: "SELECT child, lane, sequence, watermark FROM children ORDER BY child, lane")
      while let row = try children.next() {
        guard let child = MonitorName(try row.value(0) as String) else {
          throw ArchiveFault(path: path, reason: .corrupt("a child without a valid name"))
        }
        resumption.children.append(
          Resumption.ChildPosition(
            child: child, lane: LaneName(try row.value(1)),
            sequence: UInt64(clamping: try row.value(2) as Int64),
            watermark: CaptureTime(nanoseconds: try row.value(3))))
      }
      let outboxes = try Row.fetchCursor(
        database, sql: "SELECT lane, newest, acknowledged FROM outboxes ORDER BY lane")
      while let row = try outboxes.next() {
        resumption.outboxes.append(
          Resumption.Outbox(
            lane: LaneName(try row.value(0)), newest: UInt64(clamping: try row.value(1) as Int64),
            acknowledged: UInt64(clamping: try row.value(2) as Int64)))
      }
      if usingCheckpoints { resumption.checkpoints = try checkpoints(database) }
      let checkpoints = resumption.checkpoints
      let oldest = checkpoints[.live]?.produced ?? 0
      try eachKeyRow(database, .produced, lane: nil, after: oldest) { position, lane, keys in
        guard position > checkpoints[lane]?.produced ?? 0 else { return }
        for key in keys {
          resumption.produced[lane, default: []].insert(
            ReportRevision(id: key.id, revision: key.revision))
        }
      }
      return resumption
    }
  }

  public func saveCheckpoint(_ bytes: [UInt8], lane: LaneName) throws {
    try write { database in
      // Counters of positions, since retention may have dropped the newest rows themselves.
      func newest(_ table: Table) throws -> Int64 {
        try Int64.fetchOne(
          database, sql: "SELECT seq FROM sqlite_sequence WHERE name = ?",
          arguments: [table.rawValue]) ?? 0
      }
      try database.cachedStatement(
        sql: """
          INSERT INTO checkpoints (lane, received, produced, state) VALUES (?, ?, ?, ?)
          ON CONFLICT (lane) DO UPDATE SET received = excluded.received,
            produced = excluded.produced, state = excluded.state
          """
      ).execute(
        arguments: [lane.text, try newest(.received), try newest(.produced), Data(bytes)])
    }
  }

  private func checkpoints(_ database: Database) throws -> [LaneName: Checkpoint] {
    var found: [LaneName: Checkpoint] = [:]
    let rows = try Row.fetchCursor(
      database, sql: "SELECT lane, received, produced, state FROM checkpoints")
    while let row = try rows.next() {
      found[LaneName(try row.value(0))] = Checkpoint(
        bytes: Array(try row.value(3) as Data), received: try row.value(1),
        produced: try row.value(2))
    }
    return found
  }

  public func eachReceived(
    lane: LaneName, after place: Int64 = 0, _ body: (MonitorName, Report, CaptureTime) -> Void
  ) throws {
    try read { database in
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT position, child, keys, reports, reached FROM received_batches
          WHERE lane = ? AND position > ? ORDER BY position
          """, arguments: [lane.text, place])
      while let row = try rows.next() {
        let position: Int64 = try row.value(0)
        guard let child = MonitorName(try row.value(1) as String) else {
          throw damaged(.received, position, "a child without a valid name")
        }
        let keys = try keys(row.value(2), .received, position)
        for report in try reports(row.value(3), keys: keys, .received, position) {
          body(child, report, CaptureTime(nanoseconds: try row.value(4)))
        }
      }
    }
  }

  public func release(lane: LaneName) throws {
    try write { database in
      for table in ["produced_batches", "received_batches", "children", "outboxes", "checkpoints"] {
        try database.execute(sql: "DELETE FROM \(table) WHERE lane = ?", arguments: [lane.text])
      }
      let spooled = try Self.spooledBytes(database)
      counters.withLock { $0.spooled = spooled }
    }
  }
}

extension ReportArchive {
  /// Bytes of every batch with a report that no parent has acknowledged.
  static func spooledBytes(_ database: Database) throws -> Int64 {
    try Int64.fetchOne(
      database,
      sql: """
        SELECT sum(bytes) FROM outboxes JOIN produced_batches USING (lane)
        WHERE last_sequence > acknowledged
        """) ?? 0
  }

  private func insert(_ database: Database, _ batch: Batch, lane: LaneName) throws {
    let blob = Data(ReportCoding.encode(batch.reports))
    try database.cachedStatement(
      sql: """
        INSERT INTO produced_batches (lane, first_sequence, last_sequence, first_emitted,
          last_emitted, count, bytes, keys, reports) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(
      arguments: [
        lane.text, batch.firstSequence.map { Int64(clamping: $0) },
        batch.lastSequence.map { Int64(clamping: $0) }, batch.firstEmitted.nanoseconds,
        batch.lastEmitted.nanoseconds, batch.reports.count, blob.count,
        BatchKey.pack(batch.keys), blob,
      ])
    counters.withLock {
      if batch.lastSequence != nil { $0.spooled += Int64(blob.count) }
      $0.appended += 1
    }
  }

  private func insert(
    _ database: Database, _ batch: Batch, from child: MonitorName, lane: LaneName, through: UInt64,
    reached: CaptureTime
  ) throws {
    let blob = Data(ReportCoding.encode(batch.reports))
    try database.cachedStatement(
      sql: """
        INSERT INTO received_batches (lane, child, through, first_emitted, last_emitted, count,
          bytes, keys, reports, reached) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(
      arguments: [
        lane.text, child.text, Int64(clamping: through), batch.firstEmitted.nanoseconds,
        batch.lastEmitted.nanoseconds, batch.reports.count, blob.count,
        BatchKey.pack(batch.keys), blob, reached.nanoseconds,
      ])
    counters.withLock { $0.appended += 1 }
  }

  /// Leaves out evidence while the spool is full.
  private func admitted(_ reports: [ProducedReport]) -> [ProducedReport] {
    counters.withLock { counters in
      guard counters.spooled >= options.spoolBytes else { return reports }
      let kept = reports.filter { $0.sequence == nil || $0.report.reportClass != .evidence }
      counters.losses.refused += UInt64(reports.count - kept.count)
      return kept
    }
  }
}
