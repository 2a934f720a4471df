import Terms

extension ReportCoding {
  /// The head of a report, whose fields have no default.
  private struct Head {
    var id = ReportID(high: 0, low: 0)
    var kind = ""
    var reportClass: ReportClass?
    var monitor: MonitorName?
    var tier: Tier?
  }

  /// Reads a message `Report` to the reader's end.
  package static func read(_ reader: inout WireReader) throws(WireFault) -> Report {
    var head = Head()
    let start = CaptureTime(nanoseconds: 0)
    // The placeholders never leave this function: `finish` refuses a report without its head.
    var report = Report(
      id: head.id, kind: ReportKind(""), reportClass: .detection, monitor: placeholder,
      tier: .local, first: start, last: start, raised: start, emitted: start, severity: 0,
      confidence: 0)
    while try reader.next() {
      switch reader.field {
      case 3:
        let revision = try reader.uint(upTo: UInt64(UInt32.max), "revision")
        report.revision = UInt32(truncatingIfNeeded: revision)
      case 1...7: try readHead(&reader, &head)
      case 8...11: try readTime(&reader, &report)
      case 18...22: try readList(&reader, &report)
      default: try readField(&reader, &report)
      }
    }
    try finish(&report, head)
    return report
  }

  private static let placeholder = Tier.allCases.compactMap { MonitorName($0.rawValue) }[0]

  private static func finish(_ report: inout Report, _ head: Head) throws(WireFault) {
    guard !head.kind.isEmpty else { throw missing("kind") }
    guard let monitor = head.monitor else { throw missing("monitor") }
    guard let tier = head.tier else { throw missing("tier") }
    guard let reportClass = head.reportClass else { throw missing("report_class") }
    report.id = head.id
    report.kind = ReportKind(head.kind)
    report.monitor = monitor
    report.tier = tier
    report.reportClass = reportClass
  }

  private static func missing(_ field: String) -> WireFault {
    WireFault(field: field, reason: "missing")
  }

  private static func readHead(
    _ reader: inout WireReader, _ head: inout Head
  ) throws(WireFault) {
    switch reader.field {
    case 1: head.id.high = try reader.fixed64()
    case 2: head.id.low = try reader.fixed64()
    case 4: head.kind = try reader.text("kind", limit: textLimit)
    case 5:
      switch try reader.uint() {
      case 1: head.reportClass = .detection
      case 2: head.reportClass = .evidence
      case 3: head.reportClass = .incident
      case let code: throw reader.fault("no class has number \(code)", "report_class")
      }
    case 6: head.monitor = try readName(&reader, "monitor")
    default: head.tier = try readTier(&reader)
    }
  }

  static func readTier(_ reader: inout WireReader) throws(WireFault) -> Tier {
    switch try reader.uint() {
    case 1: .local
    case 2: .domain
    case 3: .enterprise
    case let code: throw reader.fault("no tier has number \(code)", "tier")
    }
  }

  static func readName(
    _ reader: inout WireReader, _ field: StaticString
  ) throws(WireFault) -> MonitorName {
    let text = try reader.text(field, limit: textLimit)
    guard let name = MonitorName(text) else { throw reader.fault("no monitor's name", field) }
    return name
  }

  private static func readTime(
    _ reader: inout WireReader, _ report: inout Report
  ) throws(WireFault) {
    let time = CaptureTime(nanoseconds: try reader.sfixed64())
    switch reader.field {
    case 8: report.first = time
    case 9: report.last = time
    case 10: report.raised = time
    default: report.emitted = time
    }
  }

  private static func readField(
    _ reader: inout WireReader, _ report: inout Report
  ) throws(WireFault) {
    switch reader.field {
    case 12: report.sources = try readSet(&reader, "sources")
    case 13: report.targets = try readSet(&reader, "targets")
    case 14: report.ports = try readPorts(&reader)
    case 15:
      let number = try reader.uint(upTo: 255, "transport")
      report.transport = TransportProtocol(number: UInt8(truncatingIfNeeded: number))
    case 16: report.severity = try reader.double("severity")
    case 17: report.confidence = try reader.double("confidence")
    case 23: report.exercise = try reader.text("exercise", limit: textLimit)
    case 24: report.summary = try readContacts(&reader)
    case 25: report.summary = try readRates(&reader)
    case 26: report.partOf = try readWhole(&reader)
    case 27: report.summary = try readLogins(&reader)
    case 28: report.summary = try readLeases(&reader)
    case 29: report.assessment = try readAssessment(&reader)
    default: try reader.skip()
    }
  }

  private static func readWhole(_ reader: inout WireReader) throws(WireFault) -> ReportID {
    var words: [UInt64] = []
    try reader.appendFixed64(to: &words, limit: 2, "part_of")
    guard words.count == 2 else { throw reader.fault("no id", "part_of") }
    return ReportID(high: words[0], low: words[1])
  }

  private static func readList(
    _ reader: inout WireReader, _ report: inout Report
  ) throws(WireFault) {
    typealias Limit = Report.Limit
    switch reader.field {
    case 18:
      try check(report.attributes.count, Limit.attributes, "attributes")
      let (name, value) = try readAttribute(&reader)
      // One allocation for the usual handful, instead of three.
      if report.attributes.isEmpty { report.attributes.reserveCapacity(6) }
      report.attributes[name] = value
    case 19:
      try check(report.evidence.count, Limit.evidence, "evidence")
      report.evidence.append(try readEvidence(&reader))
    case 20:
      var words: [UInt64] = []
      try reader.appendFixed64(to: &words, limit: Limit.derivedFrom * 2, "derived_from")
      guard words.count % 2 == 0 else { throw reader.fault("half an id", "derived_from") }
      try check(report.derivedFrom.count + words.count / 2 - 1, Limit.derivedFrom, "derived_from")
      for index in stride(from: 0, to: words.count, by: 2) {
        report.derivedFrom.append(ReportID(high: words[index], low: words[index + 1]))
      }
    case 21:
      try check(report.terms.count, Limit.terms, "terms")
      report.terms.append(try readTerm(&reader))
    default: report.coverage = try readCoverage(&reader)
    }
  }

  private static func check(_ count: Int, _ limit: Int, _ field: String) throws(WireFault) {
    guard count < limit else { throw WireFault(field: field, reason: "more than \(limit)") }
  }

  private static func readPorts(_ reader: inout WireReader) throws(WireFault) -> [UInt16] {
    var numbers: [UInt64] = []
    try reader.appendVarints(to: &numbers, limit: Report.Limit.ports, "ports")
    var ports: [UInt16] = []
    ports.reserveCapacity(numbers.count)
    for number in numbers {
      guard let port = UInt16(exactly: number), ports.last.map({ $0 < port }) ?? true else {
        throw reader.fault("\(number) is no port, or not in order", "ports")
      }
      ports.append(port)
    }
    return ports
  }

  private static func readEvidence(_ reader: inout WireReader) throws(WireFault) -> Evidence {
    do throws(WireFault) {
      var inner = try reader.message()
      var monitor: MonitorName?
      var evidence = Evidence(monitor: placeholder, capture: "", packets: [])
      while try inner.next() {
        switch inner.field {
        case 1: monitor = try readName(&inner, "monitor")
        case 2: evidence.capture = try inner.text("capture", limit: textLimit)
        case 3:
          try inner.appendVarints(to: &evidence.packets, limit: Report.Limit.packets, "packets")
        default: try inner.skip()
        }
      }
      guard let monitor else { throw missing("monitor") }
      evidence.monitor = monitor
      return evidence
    } catch {
      throw error.inside("evidence")
    }
  }

  static func readTerm(_ reader: inout WireReader) throws(WireFault) -> Term {
    do throws(WireFault) {
      var inner = try reader.message()
      var term = Term("", 0)
      while try inner.next() {
        switch inner.field {
        case 1: term.name = try inner.text("name", limit: textLimit)
        case 2: term.value = try inner.double("value")
        case 3: term.threshold = try inner.double("threshold")
        case 4: term.unit = try inner.text("unit", limit: textLimit)
        default: try inner.skip()
        }
      }
      return term
    } catch {
      throw error.inside("terms")
    }
  }

  private static func readCoverage(_ reader: inout WireReader) throws(WireFault) -> Coverage {
    do throws(WireFault) {
      var inner = try reader.message()
      var coverage = Coverage()
      while try inner.next() {
        switch inner.field {
        case 1:
          try check(coverage.segments.count, Report.Limit.coverage, "segments")
          coverage.segments.append(try inner.text("segments", limit: textLimit))
        case 2: coverage.loss = try inner.double("loss")
        case 3:
          try check(coverage.silent.count, Report.Limit.coverage, "silent")
          coverage.silent.append(try readName(&inner, "silent"))
        default: try inner.skip()
        }
      }
      return coverage
    } catch {
      throw error.inside("coverage")
    }
  }
}
