import Analysis
import Reports
import Terms

/// Sessions and leases of the site, and from them who acts where: an actor is followed from host to
/// host while the session by which he came is live, and from address to address by the leases of his
/// host.
///
/// Where several are on a host, the one whose name the next login bears is preferred, then whose
/// session carried and ended with the next; where that does not decide, nobody is named.
struct ActorBook: Sendable, Codable {
  static let sessionsLimit = EngineLimit(
    "actors.sessions", 8192, .count,
    "Sessions remembered; those over longest go first, refused ones before all.")
  static let leasesLimit = EngineLimit(
    "actors.clients", 8192, .count,
    "DHCP clients remembered; those without a lease longest go first."
  )
  static let lingerLimit = EngineLimit(
    "actors.linger", 60, .duration,
    "How long after a session its user may still be behind what the host does.")
  static let spanLimit = EngineLimit(
    "actors.span", 43_200, .duration,
    "How long a session goes on of which no end was seen.")
  static let confidenceLimit = EngineLimit(
    "actors.confidence", 0.6, .ratio,
    "Least confidence at which what a host does is somebody's who came from elsewhere.")
  static let limits = [sessionsLimit, leasesLimit, lingerLimit, spanLimit, confidenceLimit]

  /// Sessions kept of one host in each direction.
  private static let hostLimit = 64
  /// Sessions kept of one key exchange: taps and translations on one way.
  private static let markLimit = 64

  private let context: CorrelationContext
  let linger: TimeSpan
  let span: TimeSpan
  let threshold: Double
  private let capacity: Int
  private(set) var sessions: [Int: ActorSession] = [:]
  private var newest: [ActorSession.Connection: Int] = [:]
  private var byMark: [UInt64: [Int]] = [:]
  private var into: [IPAddress: [Int]] = [:]
  private var from: [IPAddress: [Int]] = [:]
  private var nextSession = 0
  private(set) var leases: LeaseBook
  /// The newest opening told of.
  private var latest = CaptureTime.distantPast
  private var evicted: UInt64 = 0

  init(_ context: CorrelationContext) {
    self.context = context
    let limits = context.limits
    linger = limits.span(Self.lingerLimit)
    span = limits.span(Self.spanLimit)
    threshold = limits[Self.confidenceLimit]
    capacity = max(8, limits.count(Self.sessionsLimit))
    leases = LeaseBook(capacity: limits.count(Self.leasesLimit))
  }

  var losses: UInt64 { evicted &+ leases.evicted }

  /// Whether nothing is known of anybody.
  var isEmpty: Bool { sessions.isEmpty && leases.isEmpty }

  func sessions(into host: IPAddress) -> [Int] { into[host] ?? [] }
  func sessions(from host: IPAddress) -> [Int] { from[host] ?? [] }

  /// The hosts that somebody got into from `host`.
  func servers(from host: IPAddress) -> [IPAddress] {
    sessions(from: host).compactMap { number in
      sessions[number].flatMap { $0.row.outcome == .refused ? nil : $0.row.server }
    }
  }

  /// Takes a report's rows; the hosts of which something new is known.
  mutating func note(_ report: Report) -> Set<IPAddress> {
    var hosts: Set<IPAddress> = []
    switch report.summary {
    case .logins(let rows):
      for row in rows where note(row, report.id) {
        hosts.insert(row.client)
        // Who was refused did nothing from there.
        if row.outcome != .refused { hosts.insert(row.server) }
      }
    case .leases(let rows):
      for row in rows where leases.note(row, report.id) { hosts.insert(row.address) }
    default: break
    }
    return hosts
  }

  /// A shell that a detector saw is a session too.
  mutating func note(shell report: Report) -> Bool {
    guard report.sources.count == 1, report.targets.count == 1,
      let source = report.sources.listed.first, let target = report.targets.listed.first,
      source.isHost, target.isHost, source != target
    else { return false }
    let row = LoginRow(
      client: source.base, server: target.base, clientPort: 0,
      serverPort: report.ports.first ?? 0, service: report.kind.text, outcome: .accepted,
      opened: report.first, last: report.last, isClosed: true)
    let isKnown = sessions(into: target.base).contains { number in
      guard let session = sessions[number], session.row.client == source.base,
        session.row.clientPort != 0
      else { return false }
      return session.row.opened <= report.last + linger
        && session.end(span: span) + linger >= report.first
    }
    return isKnown ? false : note(row, report.id)
  }

  private mutating func note(_ row: LoginRow, _ report: ReportID) -> Bool {
    guard row.client != row.server, row.opened <= row.last else { return false }
    latest = max(latest, row.opened)
    let connection = ActorSession.Connection(row)
    if let number = newest[connection], var known = sessions[number],
      (known.row.outcome == .refused) == (row.outcome == .refused)
    {
      let isOne =
        row.clientPort == 0 ? known.row.last + linger >= row.opened : known.isSame(as: row)
      guard !isOne else {
        let isNews = known.add(row, report)
        sessions[number] = known
        if known.row.isClosed { pair(number) }
        return isNews
      }
      // The ports are used again: whatever had them is over.
      sessions[number]?.close(by: row.opened)
    }
    makeRoom()
    let number = nextSession
    nextSession += 1
    sessions[number] = ActorSession(row, report)
    newest[connection] = number
    index(number, at: row.server, in: \.into)
    guard sessions[number] != nil else { return false }
    index(number, at: row.client, in: \.from)
    guard sessions[number] != nil else { return false }
    if row.mark != 0 { mark(number, row.mark) }
    pair(number)
    return true
  }

  private mutating func index(
    _ number: Int, at host: IPAddress, in table: WritableKeyPath<ActorBook, [IPAddress: [Int]]>
  ) {
    var list = self[keyPath: table][host] ?? []
    list.append(number)
    if list.count > Self.hostLimit, let least = list.min(by: { worth($0) < worth($1) }) {
      remove(least)
      list.removeAll { $0 == least }
    }
    self[keyPath: table][host] = list
  }

  /// The newest sightings stay: each new one is held against all of its mark.
  private mutating func mark(_ number: Int, _ mark: UInt64) {
    var list = byMark[mark] ?? []
    list.append(number)
    if list.count > Self.markLimit { list.removeFirst() }
    byMark[mark] = list
  }

  /// Refused ones go first, then those over longest.
  private func worth(_ number: Int) -> (Int, CaptureTime, Int) {
    guard let session = sessions[number] else { return (0, .distantPast, number) }
    return (session.row.outcome == .refused ? 0 : 1, session.end(span: span), number)
  }

  private mutating func remove(_ number: Int) {
    guard let gone = sessions.removeValue(forKey: number) else { return }
    // What is long over, or never began, is no loss.
    if gone.row.outcome != .refused, gone.end(span: span) + linger >= latest { evicted &+= 1 }
    if newest[gone.connection] == number { newest[gone.connection] = nil }
    Self.drop(number, at: gone.row.server, from: &into)
    Self.drop(number, at: gone.row.client, from: &from)
    Self.drop(number, at: gone.row.mark, from: &byMark)
  }

  private static func drop<Key: Hashable>(
    _ number: Int, at key: Key, from table: inout [Key: [Int]]
  ) {
    guard var list = table[key] else { return }
    list.removeAll { $0 == number }
    table[key] = list.isEmpty ? nil : list
  }

  private mutating func makeRoom() {
    guard sessions.count >= capacity else { return }
    let order = sessions.keys.map { (worth($0), $0) }.sorted { $0.0 < $1.0 }
    for (_, number) in order.prefix(capacity / 8 + 1) { remove(number) }
  }
}

// MARK: - Address translation

extension ActorBook {
  /// Bytes below which equal sizes mean little.
  private static let leastBytes: UInt64 = 1024

  /// Ties a session to the sighting of the same on the other side of an address translation: by its
  /// key exchange, or, where that says nothing and only one comes into question, by the same service,
  /// the same end or the same client's port, equal bytes both ways, and the same beginning and end.
  private mutating func pair(_ number: Int) {
    guard let session = sessions[number], session.row.clientPort != 0 else { return }
    let others: [Int]
    if session.row.mark != 0 {
      let all = (byMark[session.row.mark] ?? []).filter {
        $0 == number || isTwin($0, of: session, besides: number)
      }.sorted(by: isNearer)
      for (nearer, other) in zip(all, all.dropFirst()) { sessions[other]?.before = nearer }
      return
    } else if session.row.isClosed, session.row.bytesIn &+ session.row.bytesOut >= Self.leastBytes {
      let near = sessions(into: session.row.server) + sessions(from: session.row.client)
      others = near.filter { $0 != number && isLike($0, session) }
    } else {
      return
    }
    guard others.count == 1, let other = others.first else { return }
    let (nearer, farther) = isNearer(number, other) ? (number, other) : (other, number)
    if sessions[farther]?.before == nil { sessions[farther]?.before = nearer }
  }

  /// Which of two sightings is nearer to the client: a home address is hidden behind another, and a
  /// public one of the server before its own; else where the first packet came by first.
  private func isNearer(_ left: Int, _ right: Int) -> Bool {
    guard let one = sessions[left]?.row, let other = sessions[right]?.row else {
      return left < right
    }
    if one.server == other.server, isHome(one.client) != isHome(other.client) {
      return isHome(one.client)
    }
    if one.client == other.client, isHome(one.server) != isHome(other.server) {
      return !isHome(one.server)
    }
    return (one.opened, left) < (other.opened, right)
  }

  private func isHome(_ address: IPAddress) -> Bool { context.isHome(IPPrefix(host: address)) }

  /// The sighting of a session that is nearest to its client.
  func clientSide(_ session: ActorSession) -> ActorSession {
    var nearest = session
    for _ in 0..<4 {
      guard let next = nearest.before.flatMap({ sessions[$0] }) else { break }
      nearest = next
    }
    return nearest
  }

  private func isTwin(_ number: Int, of session: ActorSession, besides own: Int) -> Bool {
    guard number != own, let other = sessions[number] else { return false }
    return other.connection != session.connection
      && (other.row.outcome == .refused) == (session.row.outcome == .refused)
      && (other.row.opened - session.row.opened).magnitude <= ActorSession.skew
  }

  private func isLike(_ number: Int, _ session: ActorSession) -> Bool {
    guard let other = sessions[number]?.row, other.isClosed, other.mark == 0, other.clientPort != 0
    else { return false }
    let row = session.row
    let isOneEnd =
      (other.server == row.server) != (other.client == row.client)
      || other.clientPort == row.clientPort && other.server != row.server
    func isNear(_ left: CaptureTime, _ right: CaptureTime) -> Bool {
      (left - right).magnitude <= ActorSession.skew
    }
    return isOneEnd && other.serverPort == row.serverPort && other.service == row.service
      && other.user == row.user && other.bytesIn == row.bytesIn && other.bytesOut == row.bytesOut
      && isNear(other.opened, row.opened) && isNear(other.last, row.last)
  }

  /// The client whose address was translated for all that `outside` had with the server in this time;
  /// nil where nobody shows, or several.
  func translated(
    _ outside: IPAddress, to servers: Set<IPAddress>, ports: [UInt16], from start: CaptureTime,
    until end: CaptureTime
  ) -> (client: IPAddress, session: Int)? {
    var found: (client: IPAddress, session: Int)?
    for number in sessions(from: outside) {
      guard let session = sessions[number], servers.contains(session.row.server),
        ports.isEmpty || ports.contains(session.row.serverPort),
        session.row.opened <= end + ActorSession.skew,
        session.end(span: .zero) + ActorSession.skew >= start
      else { continue }
      let client = clientSide(session).row.client
      guard client != outside else { return nil }
      if let found, found.client != client { return nil }
      found = (client, number)
    }
    return found
  }
}
