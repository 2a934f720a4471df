import Terms

/// Reports as bytes: `beryl.proto` on the wire, in files and in rows.
///
/// Coded by hand, because reports are the many: a generated message costs several times as much.
/// The tests hold this code against the generated one. Whatever `encode` writes, `decode` takes:
/// lists and texts beyond their limits are cut, numbers that are not finite become zero.
public enum ReportCoding {
  /// The longest text within a report (names, kinds, attribute values), in UTF-8 bytes.
  public static let textLimit = AttributeValue.textLimit
  /// Reports in one list at most.
  public static let listLimit = 65_536

  /// A message `Report`.
  public static func encode(_ report: Report) -> [UInt8] {
    var writer = WireWriter()
    write(report, to: &writer)
    return writer.bytes
  }

  /// A message `ReportList`.
  public static func encode(_ reports: [Report]) -> [UInt8] {
    var writer = WireWriter(capacity: 512 * max(1, reports.count))
    for report in reports {
      let mark = writer.begin(1)
      write(report, to: &writer)
      writer.end(mark)
    }
    return writer.bytes
  }

  /// The inverse of `encode`; any bytes give a report or a located fault.
  public static func decode(_ bytes: [UInt8]) throws(WireFault) -> Report {
    try reading(bytes) { buffer throws(WireFault) in try decode(buffer) }
  }

  public static func decode(_ bytes: UnsafeRawBufferPointer) throws(WireFault) -> Report {
    var reader = WireReader(bytes)
    return try read(&reader)
  }

  /// The inverse of `encode` for a list.
  public static func decodeList(_ bytes: [UInt8]) throws(WireFault) -> [Report] {
    try reading(bytes) { buffer throws(WireFault) in
      var reader = WireReader(buffer)
      var reports: [Report] = []
      while try reader.next() {
        guard reader.field == 1 else {
          try reader.skip()
          continue
        }
        guard reports.count < listLimit else {
          throw WireFault(field: "reports", reason: "more than \(listLimit)")
        }
        do throws(WireFault) {
          var inner = try reader.message()
          reports.append(try read(&inner))
        } catch {
          throw error.inside("reports[\(reports.count)]")
        }
      }
      return reports
    }
  }

  /// `withUnsafeBytes` with a typed error.
  private static func reading<Value>(
    _ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(WireFault) -> Value
  ) throws(WireFault) -> Value {
    let result = bytes.withUnsafeBytes { buffer -> Result<Value, WireFault> in
      do throws(WireFault) {
        return .success(try body(buffer))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// An upper estimate of the encoded length, in bytes; cheap.
  public static func sizeEstimate(_ report: Report) -> Int {
    var size = 256 + report.kind.text.utf8.count + report.monitor.text.utf8.count
    size += sizeEstimate(report.sources) + sizeEstimate(report.targets)
    size += 3 * report.ports.count + 16 * report.derivedFrom.count
    for (name, value) in report.attributes {
      size += name.utf8.count + 40
      if case .text(let text) = value { size += min(text.utf8.count, textLimit) }
    }
    for evidence in report.evidence {
      size += 80 + evidence.capture.utf8.count + 10 * evidence.packets.count
    }
    for term in report.terms { size += 32 + term.name.utf8.count + term.unit.utf8.count }
    size += report.coverage.segments.reduce(0) { $0 + $1.utf8.count + 4 }
    size += 68 * report.coverage.silent.count
    if let assessment = report.assessment {
      size += 80
      for term in assessment.grounds { size += 32 + term.name.utf8.count + term.unit.utf8.count }
    }
    switch report.summary {
    case nil: break
    case .contacts(let rows):
      for row in rows.prefix(Report.Limit.summaryRows) {
        size += 80 + sizeEstimate(row.targets) + sizeEstimate(row.failedTargets)
        size += 10 * row.packets.count
      }
    case .rates(let rows):
      for row in rows.prefix(Report.Limit.summaryRows) {
        size += 120 + row.segment.utf8.count + sizeEstimate(row.sources) + 10 * row.indices.count
      }
    case .logins(let rows):
      for row in rows.prefix(Report.Limit.summaryRows) {
        size += 160 + row.service.utf8.count + row.user.utf8.count + 10 * row.packets.count
      }
    case .leases(let rows):
      for row in rows.prefix(Report.Limit.summaryRows) {
        size += 128 + row.name.utf8.count + 10 * row.packets.count
      }
    }
    return size
  }

  private static func sizeEstimate(_ set: AddressSet) -> Int {
    guard !set.isListed else { return 16 + 32 * set.listed.count }
    let distinct = set.distinct
    return 16 + 24 * set.listed.count + 8 * distinct.hashes.count + distinct.registers.count
  }
}
