import Analysis
import Flows
import Packets
import Reports
import Terms

/// What is known of one attack: who, whom, since when, how often, and the report that tells it.
struct AttackCase<Facts: Sendable>: Sendable {
  var source = IPAddress.unspecified
  /// All who took part, where the case is that of a target whoever attacks it; else empty.
  var sources = AddressSet()
  var target = IPAddress.unspecified
  var port: UInt16 = 0
  var transport = TransportProtocol.tcp
  var first = CaptureTime.distantFuture
  var last = CaptureTime.distantPast
  /// Observations so far.
  var count: UInt64 = 0
  var packets = PacketSample()
  var facts: Facts
  var thread: ReportThread

  /// A report of the case; the engine adds attributes and terms.
  func report(
    _ kind: ReportKind, subject: String, severity: Double, confidence: Double, at now: CaptureTime,
    from sink: ReportSink
  ) -> Report {
    var report = sink.opening(
      kind, subject: subject, first: first, last: last, at: now, severity: severity,
      confidence: confidence)
    report.sources = sources.isEmpty ? AddressSet([source]) : sources
    report.targets.insert(target)
    report.ports = [port]
    report.transport = transport
    report.evidence = [sink.evidence(packets.indices)]
    return report
  }
}

/// The cases of one engine, bounded: one report per attack, opened once, revised when it has
/// doubled or shows something new, and a last time when it falls silent.
struct AttackCases<Facts: Sendable>: Sendable {
  /// Least time between two revisions of one report.
  static var spacing: TimeSpan { .seconds(5) }

  private(set) var table: BoundedTable<AttackCase<Facts>>
  /// When the next last revision may be due.
  private(set) var nextDeadline = CaptureTime.distantFuture
  private let quiet: TimeSpan
  private let memory: TimeSpan

  /// - Parameters:
  ///   - quiet: silence after which the last revision is sent.
  ///   - memory: silence after which a case is forgotten, and a new report would be opened.
  init(capacity: Int, quiet: TimeSpan, memory: TimeSpan, empty: Facts) {
    self.quiet = quiet
    self.memory = memory
    table = BoundedTable(
      capacity: capacity,
      empty: AttackCase(facts: empty, thread: ReportThread(spacing: Self.spacing)))
  }

  var losses: UInt64 { table.refusedCount }

  subscript(slot: Int) -> AttackCase<Facts> {
    _read { yield table[slot] }
    _modify { yield &table[slot] }
  }

  static func key(_ source: IPAddress, _ target: IPAddress, _ detail: UInt64) -> TableKey {
    TableKey(source, detail: TableKey(target, detail: detail).hash)
  }

  /// The place of a case that is known and not forgotten; -1 otherwise.
  func find(_ source: IPAddress, _ target: IPAddress, _ detail: UInt64 = 0, at now: CaptureTime)
    -> Int
  {
    let slot = table.find(Self.key(source, target, detail))
    return slot >= 0 && now - table[slot].last <= memory ? slot : -1
  }

  /// The place of a case, forgotten or not; -1 otherwise.
  func place(_ source: IPAddress, _ target: IPAddress, _ detail: UInt64 = 0) -> Int {
    table.find(Self.key(source, target, detail))
  }

  /// The place of a case, made if need be; -1 when others hold its bucket.
  mutating func admit(
    _ source: IPAddress, _ target: IPAddress, _ detail: UInt64 = 0, port: UInt16,
    at now: CaptureTime
  ) -> Int {
    let key = Self.key(source, target, detail)
    let known = table.find(key)
    if known >= 0 {
      if table[known].count == 0 || now - table[known].last <= memory { return known }
      table.remove(known)
    }
    let slot = table.admit(key, asOf: now, until: now)
    guard slot >= 0 else { return -1 }
    table[slot].source = source
    table[slot].target = target
    table[slot].port = port
    return slot
  }

  /// Adds an observation; `hold` is how long it alone keeps the case from being given away.
  mutating func note(
    _ slot: Int, _ event: SessionEvent, since first: CaptureTime? = nil,
    hold: TimeSpan = .seconds(60)
  ) {
    table[slot].count &+= 1
    table[slot].transport = event.transport
    table[slot].first = min(table[slot].first, first ?? event.time, event.time)
    table[slot].last = max(table[slot].last, event.time)
    table[slot].packets.add(event.packet)
    table.keep(slot, until: event.time + hold)
  }

  /// Opens the case's report, or revises it when that is due.
  mutating func tell(
    _ slot: Int, facts: UInt64 = 0, at now: CaptureTime, into sink: inout ReportSink,
    _ make: (AttackCase<Facts>, ReportSink) -> Report
  ) {
    let count = table[slot].count
    if table[slot].thread.isOpen {
      nextDeadline = min(nextDeadline, now + quiet)
      guard table[slot].thread.isDue(count: count, facts: facts, at: now) else { return }
    }
    emit(slot, facts: facts, at: now, into: &sink, make)
  }

  private mutating func emit(
    _ slot: Int, facts: UInt64, at now: CaptureTime, into sink: inout ReportSink,
    _ make: (AttackCase<Facts>, ReportSink) -> Report
  ) {
    let fresh = make(table[slot], sink)
    let count = table[slot].count
    table[slot].thread.emit(fresh, count: count, facts: facts, at: now, into: &sink)
    table.keep(slot, until: now + memory)
  }

  /// Sends the last revisions that are due; `digest` gives the facts of a case as one number.
  mutating func advance(
    to now: CaptureTime, into sink: inout ReportSink,
    digest: (AttackCase<Facts>) -> UInt64 = { _ in 0 },
    _ make: (AttackCase<Facts>, ReportSink) -> Report
  ) {
    var next = CaptureTime.distantFuture
    for slot in table.slots where table[slot].thread.isOpen {
      let facts = digest(table[slot])
      guard table[slot].thread.isStale(count: table[slot].count, facts: facts) else { continue }
      let due = table[slot].thread.lastDue(after: table[slot].last, quiet: quiet)
      if due <= now {
        emit(slot, facts: facts, at: now, into: &sink, make)
      } else {
        next = min(next, due)
      }
    }
    nextDeadline = next
  }
}

extension AttributeValue {
  /// Bytes from the wire as text: printable ASCII, other bytes as `.`, at most `limit`.
  static func printable(_ bytes: some Sequence<UInt8>, limit: Int = 200) -> AttributeValue {
    var text = ""
    for byte in bytes.prefix(limit) {
      text.unicodeScalars.append(Unicode.Scalar(byte >= 0x20 && byte < 0x7f ? byte : 0x2e))
    }
    return .text(text)
  }
}
