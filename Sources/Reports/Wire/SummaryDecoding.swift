import Terms

extension ReportCoding {
  static func readContacts(_ reader: inout WireReader) throws(WireFault) -> Summary {
    .contacts(try readRows(&reader, "contacts", readContact))
  }

  static func readRates(_ reader: inout WireReader) throws(WireFault) -> Summary {
    .rates(try readRows(&reader, "rates", readRate))
  }

  static func readRows<Row>(
    _ reader: inout WireReader, _ name: String,
    _ read: (inout WireReader) throws(WireFault) -> Row
  ) throws(WireFault) -> [Row] {
    var rows: [Row] = []
    var list = try reader.message()
    while try list.next() {
      guard list.field == 1 else {
        try list.skip()
        continue
      }
      guard rows.count < Report.Limit.summaryRows else {
        throw WireFault(field: name, reason: "more than \(Report.Limit.summaryRows) rows")
      }
      do throws(WireFault) {
        var row = try list.message()
        rows.append(try read(&row))
      } catch {
        throw error.inside("\(name)[\(rows.count)]")
      }
    }
    return rows
  }

  private static func readContact(_ reader: inout WireReader) throws(WireFault) -> ContactRow {
    var row = ContactRow(
      source: IPPrefix(host: .unspecified), transport: TransportProtocol(number: 0), port: 0,
      attempts: 0, failures: 0, targets: AddressSet(), failedTargets: AddressSet(),
      first: CaptureTime(nanoseconds: 0), last: CaptureTime(nanoseconds: 0))
    while try reader.next() {
      switch reader.field {
      case 1: row.source = try readPrefix(&reader, "source")
      case 2:
        row.transport.number = UInt8(truncatingIfNeeded: try reader.uint(upTo: 255, "transport"))
      case 3: row.port = UInt16(truncatingIfNeeded: try reader.uint(upTo: 65_535, "port"))
      case 4: row.attempts = try reader.uint()
      case 5: row.failures = try reader.uint()
      case 6: row.targets = try readSet(&reader, "targets")
      case 7: row.failedTargets = try readSet(&reader, "failed_targets")
      case 8: row.first.nanoseconds = try reader.sfixed64()
      case 9: row.last.nanoseconds = try reader.sfixed64()
      case 10:
        try reader.appendVarints(to: &row.packets, limit: Report.Limit.packets, "packets")
      default: try reader.skip()
      }
    }
    return row
  }

  private static func readRate(_ reader: inout WireReader) throws(WireFault) -> RateRow {
    var row = RateRow(
      target: .unspecified, segment: "", transport: TransportProtocol(number: 0), port: 0,
      packets: 0, bytes: 0, contacts: 0, unfinished: 0, sources: AddressSet(),
      first: CaptureTime(nanoseconds: 0), last: CaptureTime(nanoseconds: 0))
    while try reader.next() {
      switch reader.field {
      case 1: row.target = try readAddress(&reader, "target")
      case 2: row.segment = try reader.text("segment", limit: textLimit)
      case 3:
        row.transport.number = UInt8(truncatingIfNeeded: try reader.uint(upTo: 255, "transport"))
      case 4: row.port = UInt16(truncatingIfNeeded: try reader.uint(upTo: 65_535, "port"))
      case 5: row.packets = try reader.uint()
      case 6: row.bytes = try reader.uint()
      case 7: row.contacts = try reader.uint()
      case 8: row.unfinished = try reader.uint()
      case 9: row.sources = try readSet(&reader, "sources")
      case 10: row.first.nanoseconds = try reader.sfixed64()
      case 11: row.last.nanoseconds = try reader.sfixed64()
      case 12:
        try reader.appendVarints(to: &row.indices, limit: Report.Limit.packets, "indices")
      case 13:
        guard row.busiest.count < Report.Limit.busiest else {
          throw WireFault(field: "busiest", reason: "more than \(Report.Limit.busiest)")
        }
        var entry = try reader.message()
        row.busiest.append(try readCount(&entry))
      case 14: row.refused = try reader.uint()
      default: try reader.skip()
      }
    }
    return row
  }

  private static func readCount(_ reader: inout WireReader) throws(WireFault) -> SourceCount {
    var entry = SourceCount(source: .unspecified, contacts: 0)
    while try reader.next() {
      switch reader.field {
      case 1: entry.source = try readAddress(&reader, "source")
      case 2: entry.contacts = try reader.uint()
      default: try reader.skip()
      }
    }
    return entry
  }
}
