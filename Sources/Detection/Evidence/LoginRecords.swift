import Analysis
import Flows
import Packets
import Reports
import Terms

/// Evidence for the tiers above: who got in where, so that an actor can be followed over hosts
/// (Snapp et al., "DIDS", NCSC 1991).
///
/// A row for each session of a service whose users act on the server: when it is let in, or has gone
/// on for a while without that being seen, and when it is over; and one for all tries of a client
/// that a service refused within an epoch. Mail, web and databases let nobody act from the server.
struct LoginRecords: AnalysisEngine {
  static let epoch = EngineLimit(
    "login-records.epoch", 2, .duration, "Length of an epoch; the same at every monitor of a tree.")
  static let rows = EngineLimit(
    "login-records.rows", 128, .count, "Rows of one report; refused tries take at most half.")
  static let sessions = EngineLimit(
    "login-records.sessions", 4096, .count, "Sessions followed at once.")
  static let settle = EngineLimit(
    "login-records.settle", 10, .duration,
    "How long a session must go on to be told where nobody can see whether it was let in.")
  static let limits = [epoch, rows, sessions, settle]

  /// How long a session that was let in is followed, and one of which nothing is known yet.
  static let memory = TimeSpan.hours(24)
  static let patience = TimeSpan.minutes(2)
  /// Payload of an SSH server beyond which somebody was let in, whatever the sizes of its answers.
  static let talkingServer: UInt64 = 16_384
  static let userLimit = 64

  struct Talk: Sendable {
    var service = ""
    var user: [UInt8] = []
    var outcome = LoginRow.Outcome.refused
    var mark: UInt64 = 0
    /// Whether it was told, or waits to be.
    var isKnown = false
    var hasFailed = false
    var row: Int32 = -1
    var epoch = CaptureTime.distantPast
    var event: Place?
  }

  /// What names a session, and its newest packet.
  struct Place: Sendable {
    var client: IPAddress
    var server: IPAddress
    var clientPort: UInt16
    var serverPort: UInt16
    var opened: CaptureTime
    var last: CaptureTime
    var firstPacket: UInt64
    var packet: UInt64

    init(_ event: SessionEvent) {
      client = event.client
      server = event.server
      clientPort = event.clientPort
      serverPort = event.serverPort
      opened = event.opened
      last = event.time
      firstPacket = event.firstPacket
      packet = event.packet
    }

    /// Of the session, or of all that a client tries at a service.
    func key(isSession: Bool) -> TableKey {
      let ports = UInt64(isSession ? clientPort : 0) << 16 | UInt64(serverPort)
      return TableKey(client, detail: TableKey(server, detail: ports).hash)
    }
  }

  private let context: DetectionContext
  private let epochSpan: TimeSpan
  private let rowLimit: Int
  private let settleSpan: TimeSpan
  private var talks: BoundedTable<Talk>
  private var rows: [LoginRow] = []
  /// Where the refused tries of a client at a service stand among the rows.
  private var refusals: [TableKey: Int] = [:]
  /// Sessions of which nobody knows yet whether they are let in, the oldest first.
  private var undecided: [(due: CaptureTime, key: TableKey)] = []
  private var nextUndecided = 0
  private var dropped: UInt64 = 0
  private var epochStart = CaptureTime.distantPast
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    self.context = context
    epochSpan = max(limits.span(Self.epoch), .milliseconds(1))
    rowLimit = min(max(limits.count(Self.rows), 2), Report.Limit.summaryRows)
    settleSpan = limits.span(Self.settle)
    talks = BoundedTable(capacity: limits.count(Self.sessions), empty: Talk())
  }

  var interest: EventClasses {
    .session(.ssh, .telnet, .ftpReply, .login, .smb, .rdp, .closed)
  }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    switch event.what {
    case .ssh(let progress): take(progress, event)
    case .telnet(let line):
      if line.role == .user { name(line.text, "telnet", event) }
      take(LoginTrial(line), event)
    case .ftpReply(let reply): take(LoginTrial(reply, "ftp"), event)
    case .login(let attempt):
      guard attempt.service == .smb || attempt.service == .vnc else { return }
      take(LoginTrial(attempt), event)
    case .smb(let message):
      if LateralMovement.service(message) != nil { accept("smb-admin", event) }
    case .rdp(let request):
      name(request.user, "rdp", event)
      wait("rdp", event)
    case .closed(let closing): close(closing, event)
    default: break
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    while nextUndecided < undecided.count, undecided[nextUndecided].due <= now {
      let slot = talks.find(undecided[nextUndecided].key)
      nextUndecided += 1
      guard slot >= 0, !talks[slot].isKnown, !talks[slot].hasFailed, talks[slot].event != nil
      else { continue }
      talks[slot].outcome = .unknown
      tell(slot, asOf: now)
    }
    if nextUndecided == undecided.count || nextUndecided > talks.capacity {
      undecided.removeFirst(nextUndecided)
      nextUndecided = 0
    }
    flush(now, into: &sink)
    nextDeadline =
      nextUndecided < undecided.count ? end(of: undecided[nextUndecided].due) : .distantFuture
  }

  private mutating func flush(_ now: CaptureTime, into sink: inout ReportSink) {
    guard !rows.isEmpty else { return }
    let first = rows.reduce(now) { min($0, $1.opened) }
    sink.emit(.logins(rows), as: .logins, on: context.segment, from: first, to: now)
    rows = []
    refusals.removeAll(keepingCapacity: true)
  }

  /// The end of the epoch in which `time` lies.
  private func end(of time: CaptureTime) -> CaptureTime { time.epochStart(epochSpan) + epochSpan }
}

// MARK: - What becomes of a session

extension LoginRecords {
  private mutating func take(_ progress: SSHProgress, _ event: SessionEvent) {
    switch progress.stage {
    case .banner: break
    case .encrypted:
      let slot = wait("ssh", event)
      if slot >= 0 { talks[slot].mark = progress.mark }
    case .loginFailed, .loginSucceeded: take(LoginTrial(progress), event)
    }
  }

  private mutating func take(_ trial: LoginTrial?, _ event: SessionEvent) {
    guard let trial else { return }
    if !trial.account.isEmpty { name(trial.account, trial.service, event) }
    if trial.outcome == .accepted { accept(trial.service, event) } else { refuse(trial, event) }
  }

  private mutating func admit(_ service: String, _ event: SessionEvent) -> Int {
    let place = Place(event)
    let slot = talks.admit(
      place.key(isSession: true), asOf: event.time, until: event.time + Self.patience)
    guard slot >= 0 else { return -1 }
    // Ports are used again.
    if let old = talks[slot].event, old.opened != event.opened { talks[slot] = Talk() }
    talks[slot].service = service
    talks[slot].event = place
    return slot
  }

  private mutating func name(_ user: [UInt8], _ service: String, _ event: SessionEvent) {
    let slot = admit(service, event)
    if slot >= 0 { talks[slot].user = Array(user.prefix(Self.userLimit)) }
  }

  /// Follows a session whose fate the packets may not tell.
  @discardableResult
  private mutating func wait(_ service: String, _ event: SessionEvent) -> Int {
    let slot = admit(service, event)
    guard slot >= 0, !talks[slot].isKnown else { return slot }
    guard undecided.count - nextUndecided < talks.capacity else {
      dropped &+= 1
      return slot
    }
    let due = event.time + settleSpan
    undecided.append((due, talks.key(slot)))
    nextDeadline = min(nextDeadline, end(of: due))
    return slot
  }

  private mutating func accept(_ service: String, _ event: SessionEvent) {
    let slot = admit(service, event)
    guard slot >= 0 else { return }
    let isNews = !talks[slot].isKnown || talks[slot].outcome != .accepted || service == "smb-admin"
    talks[slot].outcome = .accepted
    guard isNews else { return }
    tell(slot, asOf: event.time)
  }

  private mutating func refuse(_ trial: LoginTrial, _ event: SessionEvent) {
    let slot = admit(trial.service, event)
    if slot >= 0 { talks[slot].hasFailed = true }
    let key = Place(event).key(isSession: false)
    if let row = refusals[key] {
      rows[row].count &+= 1
      rows[row].last = event.time
      return
    }
    guard refusals.count < rowLimit / 2, rows.count < rowLimit else {
      dropped &+= 1
      return
    }
    open(at: event.time)
    refusals[key] = rows.count
    rows.append(Self.row(Place(event), slot >= 0 ? talks[slot] : Talk(), .refused))
    rows[rows.count - 1].service = trial.service
  }

  private mutating func close(_ closing: SessionClosing, _ event: SessionEvent) {
    switch closing.sessionProtocol {
    case .ssh, .telnet, .smb, .rdp, .vnc, .ftp: break
    default: return
    }
    let slot = talks.find(Place(event).key(isSession: true))
    guard slot >= 0, talks[slot].event?.opened == event.opened else { return }
    defer { talks.remove(slot) }
    if !talks[slot].isKnown {
      // Of a session that was too short to be told of, only what it carried can speak.
      switch closing.sessionProtocol {
      case .ssh where closing.bytesIn >= Self.talkingServer: talks[slot].outcome = .unknown
      case .rdp where closing.bytesIn >= LoginOutcomes.shownDesktop:
        talks[slot].outcome = .accepted
      default: return
      }
    }
    talks[slot].event?.last = event.time
    tell(slot, asOf: event.time, closing)
  }
}

// MARK: - Rows

extension LoginRecords {
  private static func row(
    _ place: Place, _ talk: Talk, _ outcome: LoginRow.Outcome
  ) -> LoginRow {
    LoginRow(
      client: place.client, server: place.server, clientPort: place.clientPort,
      serverPort: place.serverPort, service: talk.service, user: printable(talk.user),
      outcome: outcome, opened: place.opened, last: place.last, mark: talk.mark,
      packets: Set([place.firstPacket, place.packet]).sorted())
  }

  private static func printable(_ bytes: [UInt8]) -> String {
    guard case .text(let text) = AttributeValue.printable(bytes, limit: userLimit) else {
      return ""
    }
    return text
  }

  /// Puts the session's row among those of the epoch, or says more in it.
  private mutating func tell(_ slot: Int, asOf now: CaptureTime, _ closing: SessionClosing? = nil) {
    guard let place = talks[slot].event else { return }
    open(at: now)
    talks[slot].isKnown = true
    talks.keep(slot, until: now + Self.memory)
    var row = Self.row(place, talks[slot], talks[slot].outcome)
    if let closing {
      row.isClosed = true
      row.bytesOut = closing.bytesOut
      row.bytesIn = closing.bytesIn
    }
    if talks[slot].epoch == epochStart, talks[slot].row >= 0, talks[slot].row < rows.count {
      row.packets = Set(rows[Int(talks[slot].row)].packets + row.packets).sorted()
      rows[Int(talks[slot].row)] = row
    } else if rows.count < rowLimit {
      talks[slot].row = Int32(truncatingIfNeeded: rows.count)
      talks[slot].epoch = epochStart
      rows.append(row)
    } else {
      dropped &+= 1
    }
  }

  private mutating func open(at time: CaptureTime) {
    guard rows.isEmpty else { return }
    epochStart = time
    nextDeadline = min(nextDeadline, end(of: time))
  }
}

extension LoginRecords: LossCounting {
  var losses: UInt64 { dropped &+ talks.refusedCount }
}
