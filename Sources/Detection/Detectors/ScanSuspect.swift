import Analysis
import Reports
import Terms

/// What is known of one source whose first contacts fail.
struct ScanSuspect: Sendable {
  /// Packets of evidence and address lists are bounded by their types; ports by
  /// `Report.Limit.ports`.
  let source: IPAddress
  /// The technique that set this record apart; `syn` holds connect scans too.
  let family: ScanTechnique
  var first: CaptureTime
  var last: CaptureTime
  var failures: UInt64 = 0
  var successes: UInt64 = 0
  var halfOpen: UInt64 = 0
  var tiny: UInt64 = 0
  /// The source's random walk over first contacts with hosts; 0 for techniques that have none.
  var walk = 0.0
  /// Failures at ports of 1024 and more.
  var highPorts: UInt64 = 0
  /// Failures of datagrams at the port that they came from.
  var symmetric: UInt64 = 0
  /// Failures of datagrams larger than any question.
  var bulk: UInt64 = 0
  /// Failures that the target itself told.
  var refused: UInt64 = 0
  /// Hosts that answered at one port (an RST or SYN/ACK of their own), and answers at further ones.
  var answering: UInt64 = 0
  var pressed: UInt64 = 0
  var targets = AddressSet()
  var ports = PortSet()
  var packets = PacketSample()
  var thread: ReportThread
  /// Sources that probe in lockstep with this one.
  var companions = AddressSet()
  /// Until then no revision is due.
  var settledUntil = CaptureTime.distantPast
  /// The failure count at which this suspect is judged next.
  var judgedAt: UInt64 = 0

  /// A place without a suspect.
  static let unused = ScanSuspect(
    source: .unspecified, family: .other, first: .distantPast, spacing: .zero)

  var isUsed: Bool { failures > 0 }

  init(source: IPAddress, family: ScanTechnique, first: CaptureTime, spacing: TimeSpan) {
    self.source = source
    self.family = family
    self.first = first
    last = first
    thread = ReportThread(spacing: spacing)
  }

  mutating func add(
    target: IPAddress, port: UInt16, packet: UInt64, at time: CaptureTime
  ) {
    failures &+= 1
    if port >= 1024 { highPorts &+= 1 }
    if time > last { last = time }
    if time < first { first = time }
    targets.insert(target)
    ports.insert(port)
    packets.add(packet)
  }

  /// Share of first contacts that failed.
  var share: Double { Double(failures) / Double(max(failures &+ successes, 1)) }

  /// SYN probes that complete the handshake where they can are a connect scan.
  var technique: ScanTechnique { Self.technique(family, tiny: tiny, halfOpen: halfOpen) }

  static func technique(_ family: ScanTechnique, tiny: UInt64, halfOpen: UInt64) -> ScanTechnique {
    family == .syn && tiny > halfOpen ? .connect : family
  }

  /// The technique of a ping, as the schema spells it.
  var pingTechnique: String {
    switch family {
    case .syn: "tcp-syn"
    case .ack: "tcp-ack"
    default: family.text
    }
  }

  var shape: String {
    let (hosts, doors) = (targets.count, ports.count)
    if hosts * 3 <= doors { return "vertical" }
    if doors * 3 <= hosts { return "horizontal" }
    if hosts >= 3 && doors >= 3 { return "block" }
    return doors >= hosts ? "vertical" : "horizontal"
  }

  /// The first port of those that systems give to clients: no service is looked for there.
  static let firstClientPort: UInt16 = 32_768

  /// Whether the source asks who is there instead of what runs there: one knock per host, at which
  /// even a closed port answers. An acknowledgement finds no service, a datagram to a client's port
  /// neither (nmap's `-PA` and `-PU`), nor does SCTP at ports of TCP's services (`-PY`); a SYN does,
  /// so many hosts on one port are a horizontal scan.
  var isPing: Bool {
    switch family {
    case .syn: return contentWithAnswers
    case .ipProtocol:
      // Tunnels are of one protocol each.
      return ports.count >= 2 && targets.count >= Self.pingHosts && shape == "horizontal"
    case .ack, .udp, .sctp:
      guard ports.count == 1, let port = ports.smallest.first, shape == "horizontal" else {
        return false
      }
      return family == .ack || family == .udp && port >= Self.firstClientPort
        || family == .sctp && port < Self.firstUserPort
    default: return false
    }
  }

  /// Hosts asked from which on several protocols per host are a ping.
  static let pingHosts = 12
  /// The first port that is no well-known one (RFC 6335, 6).
  static let firstUserPort: UInt16 = 1024

  /// Whether the source is content with a host's first answer, be it a refusal, and tries further
  /// ports of silent hosts only (nmap's `-PS80,443`): whoever looks for services tries all of them
  /// everywhere.
  private var contentWithAnswers: Bool {
    guard Self.isContent(answering: answering, pressed: pressed, failures: failures) else {
      return false
    }
    let (hosts, doors) = (UInt64(targets.count), UInt64(ports.count))
    guard doors >= 2, hosts >= answering &+ 3, shape == "horizontal" else { return false }
    let silent = hosts - answering
    let knocks = failures - answering - pressed
    return knocks &* 2 >= silent &* 3 && knocks <= silent &* doors
  }

  /// The same, as far as the counts alone tell.
  static func isContent(answering: UInt64, pressed: UInt64, failures: UInt64) -> Bool {
    answering >= 3 && pressed &* 10 <= answering && failures > answering &+ pressed
  }

  /// Failures a second from which datagrams that are mostly bulk are a flood at changing ports: a
  /// scanner that fills up its probes (nmap's `--data-length`) is slower.
  static let bulkPace = 100.0

  /// Whether the source floods hosts at ever other ports and looks for no service there.
  var isFlood: Bool {
    2 * bulk > failures && Double(failures) >= Self.bulkPace * max((last - first).seconds, 0.01)
  }

  /// Whether the failures scatter: almost every target at another high port, as peer-to-peer
  /// software leaves them, or at the very port that the source itself speaks from, where most peers
  /// keep to it; or at a few high ports of its own, as a call tries the addresses that each of its
  /// parties may have (RFC 8445). A scan fills a grid of targets and ports instead.
  var isScattered: Bool {
    let count = Double(failures)
    guard Double(highPorts) > 0.8 * count else { return false }
    if family == .udp, targets.count >= 4, Double(ports.count) > 0.8 * count {
      return failures <= 3 * UInt64(targets.count)
    }
    guard Double(targets.count) > 0.6 * count else { return false }
    return Double(ports.count) > 0.6 * count || 2 * symmetric > failures && ports.count >= 3
  }

  /// Whether datagrams go to one service of hosts that are there, and say that they have none: a list
  /// of hosts, as who polls them has it. A scan finds nobody at some of the addresses that it tries.
  var isList: Bool {
    family == .udp && ports.count == 1 && 5 * refused >= 4 * failures
  }

  /// Whether `other` probes the same targets and ports in the same order at the same time: a decoy
  /// of one scan.
  func isLockstep(with other: ScanSuspect) -> Bool {
    let apart = (first - other.first).magnitude.nanoseconds
    let lasting = max(last, other.last) - min(first, other.first)
    guard apart <= max(TimeSpan.seconds(2).nanoseconds, lasting.nanoseconds / 10) else {
      return false
    }
    let counts = (Double(failures), Double(other.failures))
    guard min(counts.0, counts.1) >= 0.6 * max(counts.0, counts.1) else { return false }
    guard family == other.family, targets.overlaps(other.targets) else { return false }
    var hosts = targets.distinct
    hosts.formUnion(other.targets.distinct)
    return Self.agree(hosts.value, targets.count, other.targets.count)
      && Self.agree(ports.unionCount(other.ports), ports.count, other.ports.count)
  }

  /// Whether two sets with this union are nearly the same.
  private static func agree(_ union: Int, _ left: Int, _ right: Int) -> Bool {
    Double(union) <= 1.35 * Double(max(left, right))
  }
}
