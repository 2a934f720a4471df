import Terms

extension ReportCoding {
  static func write(_ summary: Summary, to writer: inout WireWriter) {
    switch summary {
    case .contacts(let rows):
      let mark = writer.begin(24)
      for row in rows.prefix(Report.Limit.summaryRows) { write(row, to: &writer) }
      writer.end(mark)
    case .rates(let rows):
      let mark = writer.begin(25)
      for row in rows.prefix(Report.Limit.summaryRows) { write(row, to: &writer) }
      writer.end(mark)
    case .logins(let rows):
      let mark = writer.begin(27)
      for row in rows.prefix(Report.Limit.summaryRows) { write(row, to: &writer) }
      writer.end(mark)
    case .leases(let rows):
      let mark = writer.begin(28)
      for row in rows.prefix(Report.Limit.summaryRows) { write(row, to: &writer) }
      writer.end(mark)
    }
  }

  private static func write(_ row: ContactRow, to writer: inout WireWriter) {
    let mark = writer.begin(1)
    write(1, row.source, to: &writer)
    writer.uint(2, UInt64(row.transport.number))
    writer.uint(3, UInt64(row.port))
    writer.uint(4, row.attempts)
    writer.uint(5, row.failures)
    write(6, row.targets, to: &writer)
    write(7, row.failedTargets, to: &writer)
    writer.sfixed64(8, row.first.nanoseconds)
    writer.sfixed64(9, row.last.nanoseconds)
    writer.packed(10, varints: row.packets.prefix(Report.Limit.packets))
    writer.end(mark)
  }

  private static func write(_ row: RateRow, to writer: inout WireWriter) {
    let mark = writer.begin(1)
    write(1, row.target, to: &writer)
    writer.text(2, row.segment, limit: textLimit)
    writer.uint(3, UInt64(row.transport.number))
    writer.uint(4, UInt64(row.port))
    writer.uint(5, row.packets)
    writer.uint(6, row.bytes)
    writer.uint(7, row.contacts)
    writer.uint(8, row.unfinished)
    write(9, row.sources, to: &writer)
    writer.sfixed64(10, row.first.nanoseconds)
    writer.sfixed64(11, row.last.nanoseconds)
    writer.packed(12, varints: row.indices.prefix(Report.Limit.packets))
    for entry in row.busiest.prefix(Report.Limit.busiest) {
      let inner = writer.begin(13)
      write(1, entry.source, to: &writer)
      writer.uint(2, entry.contacts)
      writer.end(inner)
    }
    writer.uint(14, row.refused)
    writer.end(mark)
  }
}
