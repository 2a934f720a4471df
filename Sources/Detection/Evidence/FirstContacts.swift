import Analysis
import Flows
import Reports
import Terms

/// Evidence for the tiers above: which sources failed at which ports, per epoch, far below any
/// local threshold.
///
/// A row per source, transport and port with at least one failed first contact, and with what was
/// answered up to two epochs before: that nobody answers is known late, and whom a slow worm reached
/// must not be forgotten until then. Who tries the same again after an epoch is told of once more:
/// clients do that, scanners go on to the next host. When there are more sources than rows (a spoofed
/// flood), rows of neighbouring sources are merged into prefixes, the least telling first.
struct FirstContacts: FlowReader {
  static let epoch = EngineLimit(
    "first-contacts.epoch", 10, .duration,
    "Length of an epoch; the same at every monitor of a tree.")
  static let rows = EngineLimit(
    "first-contacts.rows", 256, .count, "Rows of one report.")
  static let sources = EngineLimit(
    "first-contacts.sources", 2048, .count,
    "Rows kept apart within an epoch before they are merged.")
  static let memory = EngineLimit(
    "first-contacts.memory", 600, .duration, "How long a contact is remembered as made.")
  static let contacts = EngineLimit(
    "first-contacts.contacts", 32_768, .count,
    "Answered and failed contacts remembered at once (each).")
  static let limits = [epoch, rows, sources, memory, contacts]

  private let context: DetectionContext
  private let epochSpan: TimeSpan
  private let rowLimit: Int
  private var answered: ContactMemory
  private var failed: ContactMemory
  /// What failed again after an epoch.
  private var repeated: ContactMemory
  private var questions = GroupQuestions()
  private var table: ContactTable
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    self.context = context
    epochSpan = limits.span(Self.epoch)
    rowLimit = min(max(limits.count(Self.rows), 8), Report.Limit.summaryRows)
    answered = ContactMemory(
      capacity: limits.count(Self.contacts), span: limits.span(Self.memory))
    failed = ContactMemory(capacity: limits.count(Self.contacts), span: limits.span(Self.memory))
    repeated = ContactMemory(
      capacity: limits.count(Self.contacts) / 4, span: limits.span(Self.memory))
    table = ContactTable(
      capacity: max(limits.count(Self.sources), 64), memory: .seconds(2 * epochSpan.seconds))
  }

  var interest: EventClasses {
    [
      .flow(.refused, .unanswered, .established), .flow(.closed, over: .tcp),
      .flow(.opened, over: .udp),
    ]
  }

  @inline(__always) mutating func foresee(_ event: UnsafePointer<FlowEvent>) {
    if event.pointee.kind == .opened { return }
    if event.pointee.kind == .closed, event.pointee.isEstablished { return }
    let contact = event.pointee.contact
    answered.foresee(contact)
    failed.foresee(contact)
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    switch event.pointee.kind {
    case .opened: questions.note(event)
    case .refused, .unanswered: fail(event)
    case .closed:
      guard event.pointee.transport == .tcp, !event.pointee.isEstablished,
        !context.isLostRace(event)
      else { return }
      if event.pointee.totalPacketsIn > 0 || event.pointee.ending == .reset { fail(event) }
    case .established: succeed(event)
    default: return
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    nextDeadline = .distantFuture
    let rows = table.drain(limit: rowLimit, at: now)
    guard !rows.isEmpty else { return }
    sink.emit(
      .contacts(rows), as: .firstContacts, on: context.segment, from: now - epochSpan, to: now)
  }

  @inline(__always) private mutating func fail(_ event: UnsafePointer<FlowEvent>) {
    guard event.pointee.isAttempt || event.pointee.probe == .icmpEcho else { return }
    let contact = event.pointee.contact
    guard !answered.contains(contact, asOf: event.pointee.time),
      !questions.areAnswered(by: event), isNews(contact, at: event.pointee.time),
      !context.isBroadcast(event.pointee.target)
    else { return }
    table.add(event, hasFailed: true)
    open(at: event.pointee.time)
  }

  /// Whether a failed contact is the first, or the first again after an epoch.
  @inline(__always) private mutating func isNews(_ contact: UInt64, at now: CaptureTime) -> Bool {
    switch failed.renew(contact, after: epochSpan, at: now) {
    case .first: true
    case .again: repeated.insert(contact, at: now)
    case .held: false
    }
  }

  private mutating func succeed(_ event: UnsafePointer<FlowEvent>) {
    guard event.pointee.isAttempt || event.pointee.probe == .icmpEcho else { return }
    guard answered.insert(event.pointee.contact, at: event.pointee.time) else { return }
    table.add(event, hasFailed: false)
    open(at: event.pointee.time)
  }

  private mutating func open(at time: CaptureTime) {
    if nextDeadline == .distantFuture { nextDeadline = time.epochStart(epochSpan) + epochSpan }
  }
}

extension FirstContacts: LossCounting {
  var losses: UInt64 { table.dropped }
}
