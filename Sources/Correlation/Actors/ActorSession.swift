import Reports
import Terms

/// A session in which somebody acts on another host: a link of the chains that actors are followed
/// by. Several taps' sightings of it are one.
struct ActorSession: Sendable, Codable {
  /// What names a connection while it lasts.
  struct Connection: Hashable, Sendable, Codable {
    var client: IPAddress
    var server: IPAddress
    var clientPort: UInt16
    var serverPort: UInt16

    init(_ row: LoginRow) {
      client = row.client
      server = row.server
      clientPort = row.clientPort
      serverPort = row.serverPort
    }
  }

  /// Evidence reports kept of one session.
  static let reportLimit = 4
  /// Services in which a login lets its user act from the server.
  static let interactive: Set<String> = [
    "ssh", "telnet", "rdp", "vnc", "smb-admin", "access.reverse-shell",
    "access.login-after-guessing",
  ]
  /// How much the clocks of two taps may differ.
  static let skew = TimeSpan.seconds(2)

  private(set) var row: LoginRow
  /// The evidence that told of it.
  private(set) var reports: [ReportID]
  /// The sighting of the same session on the client's side of an address translation.
  var before: Int?

  init(_ row: LoginRow, _ report: ReportID) {
    self.row = row.withoutPackets
    reports = [report]
  }

  var connection: Connection { Connection(row) }

  /// Whether another row speaks of this very session, not of a later one with the same ports.
  func isSame(as other: LoginRow) -> Bool {
    (row.opened - other.opened).magnitude <= Self.skew
      || (!row.isClosed && other.opened <= row.opened)
  }

  /// True when it says more than was known.
  mutating func add(_ other: LoginRow, _ report: ReportID) -> Bool {
    if !reports.contains(report), reports.count < Self.reportLimit { reports.append(report) }
    let united = row.united(with: other)
    defer { row = united }
    return united.isClosed != row.isClosed || united.outcome != row.outcome
      || united.user != row.user || united.opened != row.opened
  }

  /// It was over by then, though nobody saw how it ended.
  mutating func close(by time: CaptureTime) {
    guard !row.isClosed else { return }
    row.isClosed = true
    row.last = max(row.last, time)
  }

  /// When it was over; for one whose end was not seen, the latest it is taken to last.
  func end(span: TimeSpan) -> CaptureTime { row.isClosed ? row.last : row.last + span }

  /// How surely somebody acts on the server: nobody may have seen whether he was let in.
  var weight: Double { row.outcome == .accepted ? 1 : 0.7 }
}
