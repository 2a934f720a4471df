import Terms

extension ReportCoding {
  /// Writes the fields of a message `Report`.
  package static func write(_ report: Report, to writer: inout WireWriter) {
    writer.fixed64(1, report.id.high)
    writer.fixed64(2, report.id.low)
    writer.uint(3, UInt64(report.revision))
    writer.text(4, report.kind.text, limit: textLimit)
    writer.uint(5, code(report.reportClass))
    writer.text(6, report.monitor.text, limit: textLimit)
    writer.uint(7, code(report.tier))
    writer.sfixed64(8, report.first.nanoseconds)
    writer.sfixed64(9, report.last.nanoseconds)
    writer.sfixed64(10, report.raised.nanoseconds)
    writer.sfixed64(11, report.emitted.nanoseconds)
    write(12, report.sources, to: &writer)
    write(13, report.targets, to: &writer)
    writer.packed(14, varints: report.ports.prefix(Report.Limit.ports).lazy.map { UInt64($0) })
    if let transport = report.transport {
      writer.tag(15, .varint)
      writer.varint(UInt64(transport.number))
    }
    writer.double(16, report.severity)
    writer.double(17, report.confidence)
    write(report.attributes, to: &writer)
    for evidence in report.evidence.prefix(Report.Limit.evidence) { write(evidence, to: &writer) }
    write(report.derivedFrom, to: &writer)
    for term in report.terms.prefix(Report.Limit.terms) { write(21, term, to: &writer) }
    write(report.coverage, to: &writer)
    if let exercise = report.exercise { writer.presentText(23, exercise, limit: textLimit) }
    if let summary = report.summary { write(summary, to: &writer) }
    if let whole = report.partOf { writer.packed(26, fixed64: [whole.high, whole.low]) }
    if let assessment = report.assessment { write(assessment, to: &writer) }
  }

  static func code(_ value: ReportClass) -> UInt64 {
    switch value {
    case .detection: 1
    case .evidence: 2
    case .incident: 3
    }
  }

  /// The number of a tier on the wire.
  package static func code(_ value: Tier) -> UInt64 {
    switch value {
    case .local: 1
    case .domain: 2
    case .enterprise: 3
    }
  }

  /// An empty set is left out.
  static func write(_ field: Int, _ set: AddressSet, to writer: inout WireWriter) {
    guard !set.isEmpty || set.count > 0 else { return }
    let mark = writer.begin(field)
    writeMembers(set.listed, to: &writer)
    if !set.isListed {
      let distinct = set.distinct
      writer.packed(4, fixed64: distinct.hashes)
      writer.bytes(5, distinct.registers)
    }
    writer.end(mark)
  }

  private static func writeMembers(_ members: [IPPrefix], to writer: inout WireWriter) {
    let v4 = members.count { $0.isHost && $0.base.isIPv4 }
    let hosts = members.count { $0.isHost }
    if v4 > 0 {
      writer.tag(1, .bytes)
      writer.varint(UInt64(v4 * 4))
      for member in members where member.isHost && member.base.isIPv4 { writer.raw(member.base.v4) }
    }
    if hosts > v4 {
      writer.tag(2, .bytes)
      writer.varint(UInt64((hosts - v4) * 16))
      for member in members where member.isHost && !member.base.isIPv4 {
        writer.raw(member.base.high)
        writer.raw(member.base.low)
      }
    }
    if members.count > hosts {
      writer.tag(3, .bytes)
      writer.varint(UInt64((members.count - hosts) * 24))
      for member in members where !member.isHost {
        writer.raw(member.base.high)
        writer.raw(member.base.low)
        writer.raw(UInt64(member.length))
      }
    }
  }

  private static func write(
    _ attributes: Attributes, to writer: inout WireWriter
  ) {
    guard !attributes.isEmpty else { return }
    // In order of name, so that equal reports have equal bytes.
    for (name, value) in attributes.prefix(Report.Limit.attributes) {
      let mark = writer.begin(18)
      writer.text(1, name, limit: textLimit)
      write(value, to: &writer)
      writer.end(mark)
    }
  }

  /// Members of a oneof are written even when zero.
  private static func write(_ value: AttributeValue, to writer: inout WireWriter) {
    func number(_ field: Int, _ value: UInt64) {
      writer.tag(field, .varint)
      writer.varint(value)
    }
    func fixed(_ field: Int, _ value: UInt64) {
      writer.tag(field, .fixed64)
      writer.raw(value)
    }
    switch value {
    case .address(let address): write(2, address, to: &writer)
    case .prefix(let prefix): write(3, prefix, to: &writer)
    case .port(let port): number(4, UInt64(port))
    case .mac(let mac): number(5, mac.bits)
    case .count(let count): number(6, count)
    case .duration(let span):
      number(7, UInt64(bitPattern: span.nanoseconds << 1 ^ span.nanoseconds >> 63))
    case .bytes(let bytes): number(8, bytes)
    case .ratio(let ratio): fixed(9, ratio.isFinite ? ratio.bitPattern : 0)
    case .text(let text): writer.presentText(10, text, limit: textLimit)
    case .hash(let hash): fixed(11, hash)
    case .time(let time): fixed(12, UInt64(bitPattern: time.nanoseconds))
    }
  }

  static func write(_ field: Int, _ address: IPAddress, to writer: inout WireWriter) {
    let mark = writer.begin(field)
    writer.fixed64(1, address.high)
    writer.fixed64(2, address.low)
    writer.end(mark)
  }

  static func write(_ field: Int, _ prefix: IPPrefix, to writer: inout WireWriter) {
    let mark = writer.begin(field)
    writer.fixed64(1, prefix.base.high)
    writer.fixed64(2, prefix.base.low)
    writer.uint(3, UInt64(prefix.length))
    writer.end(mark)
  }

  private static func write(_ evidence: Evidence, to writer: inout WireWriter) {
    let mark = writer.begin(19)
    writer.text(1, evidence.monitor.text, limit: textLimit)
    writer.text(2, evidence.capture, limit: textLimit)
    writer.packed(3, varints: evidence.packets.prefix(Report.Limit.packets))
    writer.end(mark)
  }

  private static func write(_ ids: [ReportID], to writer: inout WireWriter) {
    guard !ids.isEmpty else { return }
    let kept = ids.prefix(Report.Limit.derivedFrom)
    writer.tag(20, .bytes)
    writer.varint(UInt64(kept.count * 16))
    for id in kept {
      writer.raw(id.high)
      writer.raw(id.low)
    }
  }

  static func write(_ field: Int, _ term: Term, to writer: inout WireWriter) {
    let mark = writer.begin(field)
    writer.text(1, term.name, limit: textLimit)
    writer.double(2, term.value)
    if let threshold = term.threshold {
      writer.tag(3, .fixed64)
      writer.raw(threshold.isFinite ? threshold.bitPattern : 0)
    }
    writer.text(4, term.unit, limit: textLimit)
    writer.end(mark)
  }

  private static func write(_ coverage: Coverage, to writer: inout WireWriter) {
    guard coverage != Coverage() else { return }
    let mark = writer.begin(22)
    for segment in coverage.segments.prefix(Report.Limit.coverage) {
      writer.presentText(1, segment, limit: textLimit)
    }
    writer.double(2, coverage.loss)
    for monitor in coverage.silent.prefix(Report.Limit.coverage) {
      writer.presentText(3, monitor.text, limit: textLimit)
    }
    writer.end(mark)
  }
}
