import Terms

extension ReportCoding {
  static func write(_ row: LoginRow, to writer: inout WireWriter) {
    let mark = writer.begin(1)
    write(1, row.client, to: &writer)
    write(2, row.server, to: &writer)
    writer.uint(3, UInt64(row.clientPort))
    writer.uint(4, UInt64(row.serverPort))
    writer.text(5, row.service, limit: textLimit)
    writer.text(6, row.user, limit: textLimit)
    writer.uint(7, UInt64(row.outcome.rawValue))
    writer.uint(8, row.count)
    writer.sfixed64(9, row.opened.nanoseconds)
    writer.sfixed64(10, row.last.nanoseconds)
    writer.uint(11, row.isClosed ? 1 : 0)
    writer.uint(12, row.bytesOut)
    writer.uint(13, row.bytesIn)
    writer.fixed64(14, row.mark)
    writer.packed(15, varints: row.packets.prefix(Report.Limit.packets))
    writer.end(mark)
  }

  static func write(_ row: LeaseRow, to writer: inout WireWriter) {
    let mark = writer.begin(1)
    writer.uint(1, row.hardware.bits)
    writer.fixed64(2, row.client)
    write(3, row.address, to: &writer)
    writer.text(4, row.name, limit: textLimit)
    write(5, row.server, to: &writer)
    writer.sfixed64(6, row.granted.nanoseconds)
    writer.sfixed64(7, row.until.nanoseconds)
    writer.uint(8, row.isReleased ? 1 : 0)
    writer.packed(9, varints: row.packets.prefix(Report.Limit.packets))
    writer.end(mark)
  }

  static func readLogins(_ reader: inout WireReader) throws(WireFault) -> Summary {
    .logins(try readRows(&reader, "logins", readLogin))
  }

  static func readLeases(_ reader: inout WireReader) throws(WireFault) -> Summary {
    .leases(try readRows(&reader, "leases", readLease))
  }

  private static func readLogin(_ reader: inout WireReader) throws(WireFault) -> LoginRow {
    let zero = CaptureTime(nanoseconds: 0)
    var row = LoginRow(
      client: .unspecified, server: .unspecified, clientPort: 0, serverPort: 0, service: "",
      outcome: .refused, count: 0, opened: zero, last: zero)
    while try reader.next() {
      switch reader.field {
      case 1: row.client = try readAddress(&reader, "client")
      case 2: row.server = try readAddress(&reader, "server")
      case 3: row.clientPort = try readPort(&reader, "client_port")
      case 4: row.serverPort = try readPort(&reader, "server_port")
      case 5: row.service = try reader.text("service", limit: textLimit)
      case 6: row.user = try reader.text("user", limit: textLimit)
      case 7:
        let number = try reader.uint(upTo: 255, "outcome")
        guard let outcome = LoginRow.Outcome(rawValue: UInt8(truncatingIfNeeded: number)) else {
          throw reader.fault("no outcome has number \(number)", "outcome")
        }
        row.outcome = outcome
      case 8: row.count = try reader.uint()
      case 9: row.opened.nanoseconds = try reader.sfixed64()
      case 10: row.last.nanoseconds = try reader.sfixed64()
      case 11: row.isClosed = try reader.uint() != 0
      case 12: row.bytesOut = try reader.uint()
      case 13: row.bytesIn = try reader.uint()
      case 14: row.mark = try reader.fixed64()
      case 15:
        try reader.appendVarints(to: &row.packets, limit: Report.Limit.packets, "packets")
      default: try reader.skip()
      }
    }
    return row
  }

  private static func readLease(_ reader: inout WireReader) throws(WireFault) -> LeaseRow {
    let zero = CaptureTime(nanoseconds: 0)
    var row = LeaseRow(
      hardware: .unknown, address: .unspecified, server: .unspecified, granted: zero, until: zero)
    while try reader.next() {
      switch reader.field {
      case 1: row.hardware = MACAddress(bits: try reader.uint(upTo: 0xffff_ffff_ffff, "hardware"))
      case 2: row.client = try reader.fixed64()
      case 3: row.address = try readAddress(&reader, "address")
      case 4: row.name = try reader.text("name", limit: textLimit)
      case 5: row.server = try readAddress(&reader, "server")
      case 6: row.granted.nanoseconds = try reader.sfixed64()
      case 7: row.until.nanoseconds = try reader.sfixed64()
      case 8: row.isReleased = try reader.uint() != 0
      case 9:
        try reader.appendVarints(to: &row.packets, limit: Report.Limit.packets, "packets")
      default: try reader.skip()
      }
    }
    return row
  }

  private static func readPort(
    _ reader: inout WireReader, _ name: StaticString
  ) throws(WireFault) -> UInt16 {
    UInt16(truncatingIfNeeded: try reader.uint(upTo: 65_535, name))
  }
}
