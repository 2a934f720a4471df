import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds attempts to overflow a buffer or misuse a format string: fields far longer than any that
/// people send and filled with one byte or with code, sleds, decoders, `%n`.
///
/// A worm's request for `.ida?NNNN…` is told by `WebAttack`; here are header fields, bodies, other
/// overlong targets, command lines, names that are looked up, broken DNS messages, and the first bytes
/// of protocols that nobody knows.
struct OverflowAttempt: AnalysisEngine {
  static let score = EngineLimit(
    "overflow.score", 1, .count, "Weight of marks from which a message is an attack.")
  static let sled = EngineLimit(
    "overflow.sled", 24, .count, "Run of no-operations that is a sled by itself.")
  static let line = EngineLimit(
    "overflow.line", 512, .count, "Bytes of an FTP, SMTP or POP3 command that no software needs.")
  static let filler = EngineLimit(
    "overflow.filler", 200, .count, "Run of one byte that fills an overlong field.")
  static let cases = EngineLimit(
    "overflow.cases", 2048, .count,
    "Triples of source, target and service known at once (of datagrams: pairs of the last).")
  static let quiet = EngineLimit(
    "overflow.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let memory = EngineLimit(
    "overflow.memory", 7200, .duration, "Silence after which a report is no longer revised.")
  static let limits = [score, sled, line, filler, cases, quiet, memory]

  static let kind = ReportKind("access.overflow")
  static let severity = 8.0
  /// Length from which a request target or field is looked at.
  static let longField = 300

  struct Facts: Sendable {
    var service = ""
    var length: UInt64 = 0
    var mark = ""
    var best = 0.0
  }

  /// What one message shows.
  struct Sign {
    var weight = 0.0
    /// What it is called: nop, code, filler, cyclic, format, length.
    var name = "length"

    mutating func add(_ more: Double, _ name: String) {
      guard more > 0 else { return }
      if more >= weight { self.name = name }
      weight += more
    }
  }

  private let scoreLimit: Double
  private let sledLimit: Int
  private let lineLimit: Int
  private let fillerLimit: Int
  private var known: AttackCases<Facts>

  init(_ context: DetectionContext) {
    let limits = context.limits
    scoreLimit = limits[Self.score]
    sledLimit = max(8, limits.count(Self.sled))
    lineLimit = max(64, limits.count(Self.line))
    fillerLimit = max(32, limits.count(Self.filler))
    known = AttackCases(
      capacity: limits.count(Self.cases), quiet: limits.span(Self.quiet),
      memory: limits.span(Self.memory), empty: Facts())
  }

  var nextDeadline: CaptureTime { known.nextDeadline }

  var interest: EventClasses { .session(.http, .ftp, .smtp, .pop, .imap, .dns, .payload) }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    switch event.what {
    case .http(let request): judge(sign(request), "http", request.longestLine, event, into: &sink)
    case .ftp(let command): judge(sign(command), "ftp", command.length, event, into: &sink)
    case .smtp(let command): judge(sign(command), "smtp", command.length, event, into: &sink)
    case .pop(let command): judge(sign(command), "pop3", command.length, event, into: &sink)
    case .imap(let command): judge(sign(command), "imap", command.length, event, into: &sink)
    case .dns(let message): judge(sign(message), "dns", message.size, event, into: &sink)
    case .payload(let sample):
      var sign = sign(sample)
      if event.transport == .udp, Self.isOverlong(sample.bytes, port: event.serverPort) {
        sign.add(1, "length")
      }
      judge(sign, "\(event.serverPort)", sample.bytes.count, event, into: &sink)
    default: break
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    let scoreLimit = scoreLimit
    known.advance(to: now, into: &sink) { Self.report($0, scoreLimit, at: now, from: $1) }
  }
}

// MARK: - Signs

extension OverflowAttempt {
  /// What speaks in any bytes.
  private func code(_ marks: CodeMarks) -> Sign {
    var sign = Sign()
    if marks.noOperations >= sledLimit {
      sign.add(1, "nop")
    } else if marks.noOperations >= 8 {
      sign.add(0.5 * Double(marks.noOperations) / Double(sledLimit), "nop")
    }
    if marks.wideNoOperations >= 8 { sign.add(1, "nop") }
    // Compilers pad with fifteen bytes at most.
    if marks.sledLength >= max(sledLimit * 2, 40) { sign.add(1, "nop") }
    if marks.isWritten { sign.add(1, "code") }
    // Text has no code in it, and in compressed data short marks stand by chance.
    if marks.binaryShare > 0.05 { sign.add(marks.code * 0.6, "code") }
    return sign
  }

  private func sign(_ sample: PayloadSample) -> Sign {
    let marks = CodeMarks(sample.bytes)
    var sign = code(marks)
    if marks.isCyclic { sign.add(1, "cyclic") }
    // Zeros fill many honest messages.
    if marks.run >= fillerLimit, let byte = sample.bytes.last, byte != 0, byte != 0xff,
      byte.isLetter || byte == 0x90
    {
      sign.add(0.7, "filler")
    }
    return sign
  }

  /// Whether a datagram's name is longer than its protocol or any file system has it: of an instance
  /// of SQL Server (MS-SQLR 2.2.3: 32 bytes; CVE-2002-0649), or of a file (TFTP, RFC 1350: it ends with
  /// a zero).
  private static func isOverlong(_ bytes: [UInt8], port: UInt16) -> Bool {
    switch port {
    case 1434: bytes.first == 4 && bytes.count > 2 * instanceName
    case 69:
      bytes.count > fileName && bytes[0] == 0 && (bytes[1] == 1 || bytes[1] == 2)
        && !bytes[2...].contains(0)
    default: false
    }
  }

  private static let instanceName = 32
  private static let fileName = 250

  /// A sled in the labels of a name that is written as it should be.
  private func sign(_ message: DNSMessage) -> Sign {
    var sign = Sign()
    guard message.nameLength > sledLimit else { return sign }
    var name = message.name.utf8[...]
    var run = 0
    while run < sledLimit, let byte = name.first {
      if name.starts(with: Self.writtenNoOperation) {
        run += 1
        name = name.dropFirst(Self.writtenNoOperation.count)
      } else {
        // The lengths of labels stand in between; a sled's jumps lead over them.
        if byte != 0x2e { run = 0 }
        name = name.dropFirst()
      }
    }
    if run >= sledLimit { sign.add(1, "nop") }
    return sign
  }

  /// 0x90 in presentation form.
  private static let writtenNoOperation = Array(#"\144"#.utf8)

  private func sign(_ command: ClientCommand) -> Sign {
    let mayConvert = command.argument.contains(0x25)
    guard command.argument.count >= 24 || command.length > 64 || mayConvert else { return Sign() }
    let marks = CodeMarks(command.argument)
    var sign = code(marks)
    if marks.isCyclic { sign.add(1, "cyclic") }
    if marks.conversions >= 4 { sign.add(marks.conversions >= 6 ? 1 : 0.6, "format") }
    if command.length > lineLimit {
      // AUTH carries tickets; other lines have no reason to be long.
      let isTicket = command.verb == "AUTH" || command.verb.isEmpty || command.verb == "APPEND"
      sign.add(isTicket ? 0 : 0.5, "length")
      if marks.run >= 100 || marks.binaryShare > 0.2 { sign.add(0.6, "filler") }
      if command.length > lineLimit * 2, !isTicket { sign.add(0.5, "length") }
    } else if marks.run >= fillerLimit {
      sign.add(0.8, "filler")
    }
    if command.verb == "USER" || command.verb == "PASS", command.length > lineLimit / 2 {
      sign.add(0.5, "length")
    }
    return sign
  }

  private func sign(_ request: HTTPRequest) -> Sign {
    var sign = Sign()
    let target = request.target
    if target.count >= Self.longField {
      let marks = CodeMarks(target)
      // Worms are told elsewhere, by name.
      let isWorm = target.mentions(".ida?") || target.mentions(".idq?")
      if !isWorm, marks.run >= fillerLimit { sign.add(target.count >= 1000 ? 1 : 0.7, "filler") }
      if marks.isCyclic { sign.add(1, "cyclic") }
      if !isWorm { add(code(marks), to: &sign) }
    }
    if request.longestLine >= Self.longField, request.longestLine > target.count + 32 {
      let marks = CodeMarks(request.head)
      if marks.run >= fillerLimit * 2 { sign.add(0.8, "filler") }
      if marks.isCyclic { sign.add(1, "cyclic") }
      add(code(marks), to: &sign)
    }
    if !request.body.isEmpty, !request.contentType.mentions("multipart") {
      let marks = CodeMarks(request.body)
      let isPlain = request.contentType.isEmpty || request.contentType.mentions("urlencoded")
      if isPlain, marks.run >= fillerLimit * 2 { sign.add(0.7, "filler") }
      if marks.isCyclic { sign.add(1, "cyclic") }
      if isPlain {
        add(code(marks), to: &sign)
        // Behind a filling, code is a small part of all.
        if marks.run >= fillerLimit * 2, marks.binaryShare <= 0.05 {
          sign.add(marks.code * 0.6, "code")
        }
      }
    }
    return sign
  }

  private func add(_ other: Sign, to sign: inout Sign) { sign.add(other.weight, other.name) }
}

// MARK: - Reports

extension OverflowAttempt {
  private mutating func judge(
    _ sign: Sign, _ service: @autoclosure () -> String, _ length: Int, _ event: SessionEvent,
    into sink: inout ReportSink
  ) {
    guard sign.weight >= scoreLimit else { return }
    // A server can attack its client as well.
    let isForth = event.isFromClient
    let (source, target) =
      isForth ? (event.client, event.server) : (event.server, event.client)
    // Datagrams may bear any source: whoever sends them, it is one attack.
    let mayBeForged = event.transport == .udp
    let slot = known.admit(
      mayBeForged ? .unspecified : source, target, UInt64(event.serverPort),
      port: event.serverPort, at: event.time)
    guard slot >= 0 else { return }
    known.note(slot, event, hold: .hours(1))
    if mayBeForged { known[slot].sources.insert(source) }
    if sign.weight > known[slot].facts.best {
      known[slot].facts = Facts(
        service: service(), length: UInt64(clamping: length), mark: sign.name, best: sign.weight)
    }
    let scoreLimit = scoreLimit
    known.tell(slot, at: event.time, into: &sink) {
      Self.report($0, scoreLimit, at: event.time, from: $1)
    }
  }

  private static func report(
    _ attack: AttackCase<Facts>, _ scoreLimit: Double, at now: CaptureTime, from sink: ReportSink
  ) -> Report {
    let facts = attack.facts
    var report = attack.report(
      kind, subject: "\(attack.source) \(attack.target):\(attack.port)", severity: severity,
      confidence: min(0.95, 1 - 0.35 * scoreLimit / max(facts.best, 0.5)), at: now, from: sink)
    report.attributes = [
      "service": .text(facts.service), "length": .bytes(facts.length), "sled": .text(facts.mark),
    ]
    report.terms = [
      Term("weight of marks", facts.best, threshold: scoreLimit),
      Term("longest line", Double(facts.length), unit: "bytes"),
    ]
    return report
  }
}

extension OverflowAttempt: LossCounting {
  var losses: UInt64 { known.losses }
}
