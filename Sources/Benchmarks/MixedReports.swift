import Correlation
import Reports
import Terms

/// Reports as the local monitors of one busy domain send them, a hundred in a second of event time.
///
/// Each outside source attacks once, told in an opening and on average one revision: two thirds look
/// around, anywhere in the domain; a quarter guess or try exploits, at its 64 servers; a few flood
/// one of those. One in twelve that looked around comes back and attacks what it saw, one in five
/// hundred of these gets in and goes on from there, and some hosts inside are odd. One report in
/// fifty is evidence of an epoch. `Crowd.hosts` has all of it meet at `crowdedHosts` hosts instead,
/// whatever it is.
struct MixedReports {
  enum Crowd { case site, hosts }

  /// A local monitor, its segment, and the first of its hosts.
  struct Child {
    let name: MonitorName
    let segment: String
    let prefix: IPPrefix
    let base: UInt32
    let hosts: Int
  }

  static let children = [
    ("hq-dmz", "10.10.0.0/24", 254), ("hq-servers", "10.10.1.0/24", 254),
    ("hq-office", "10.10.16.0/20", 2000), ("hq-lab", "10.10.32.0/20", 2000),
  ].compactMap { text, range, hosts -> Child? in
    guard let name = MonitorName(text), let prefix = IPPrefix(range) else { return nil }
    return Child(
      name: name, segment: text, prefix: prefix, base: prefix.base.v4 + 1, hosts: hosts)
  }

  /// What a source does at first, with how many of a thousand do it.
  private struct Deed {
    let kind: ReportKind
    let share: Int
    let ports: [UInt16]
    /// Hosts at once.
    var targets = 1
    var isAtServers = false
    var isInside = false
  }

  private static let deeds = [
    Deed(kind: .portScan, share: 330, ports: [22, 23, 80, 443, 445, 3389], targets: 3),
    Deed(kind: .pingSweep, share: 140, ports: [], targets: 8),
    Deed(kind: ReportKind("recon.service-probe"), share: 120, ports: [22, 80, 443, 25]),
    Deed(kind: ReportKind("recon.web-scan"), share: 80, ports: [80, 443], isAtServers: true),
    Deed(kind: .bruteForce, share: 130, ports: [22, 21, 3389], isAtServers: true),
    Deed(kind: .webAttack, share: 100, ports: [80, 443], isAtServers: true),
    Deed(kind: .signature, share: 40, ports: [80, 443, 25, 445], isAtServers: true),
    Deed(
      kind: ReportKind("recon.smtp-enumeration"), share: 20, ports: [25], isAtServers: true),
    Deed(kind: .synFlood, share: 5, ports: [80, 443], isAtServers: true),
    Deed(kind: .slowHTTP, share: 5, ports: [80], isAtServers: true),
    Deed(kind: .profileAnomaly, share: 20, ports: [443], isInside: true),
    Deed(kind: .beacon, share: 10, ports: [443], isInside: true),
  ]
  private static let deedOf = deeds.indices.flatMap {
    Array(repeating: $0, count: deeds[$0].share)
  }
  private static let servers = 64
  private static let crowdedHosts = 512
  /// Attacks that may still be revised, the newest.
  private static let ringSize = 4096
  private static let rowsOfEvidence = 16

  private let sources: Int
  private let crowd: Crowd
  private var state: UInt64 = 1
  private let start = CaptureTime(nanoseconds: 1_700_000_000_000_000_000)
  private var ring: [(report: Report, child: Int, deed: Int)] = []
  /// The source that begins next.
  private var next = 0
  /// What an intruder does next, and who he is.
  private var intrusion: [Report] = []

  init(sources: Int, crowd: Crowd) {
    self.sources = sources
    self.crowd = crowd
  }

  var sourcesSeen: Int { max(1, min(next, sources)) }

  private mutating func random(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }

  /// The report with this number; ten milliseconds of event time apart.
  mutating func report(_ number: Int) -> Report {
    let time = start + .milliseconds(number * 10)
    if number % 50 == 49 { return evidence(number, time) }
    if number % 97 == 0, var step = intrusion.popLast() {
      step.first = time - .seconds(2)
      (step.last, step.raised, step.emitted) = (time, time, time)
      return step
    }
    switch random(24) {
    case 0..<12 where !ring.isEmpty: return revision(time)
    case 12 where !ring.isEmpty: return comeback(number, time)
    default: return next < sources ? opening(number, time) : revision(time)
    }
  }

  private mutating func host(_ child: Int, _ deed: Deed) -> IPAddress {
    let place = Self.children[child]
    let bound =
      crowd == .hosts
      ? Self.crowdedHosts / Self.children.count : deed.isAtServers ? Self.servers / 2 : place.hosts
    return IPAddress(v4: place.base + UInt32(random(bound)))
  }

  private mutating func child(_ deed: Deed) -> Int {
    random(deed.isAtServers && crowd == .site ? 2 : Self.children.count)
  }

  private mutating func opening(_ number: Int, _ time: CaptureTime) -> Report {
    let source = next
    next += 1
    let index = Self.deedOf[(source &* 7919) % Self.deedOf.count]
    let deed = Self.deeds[index]
    let child = child(deed)
    let address = IPAddress(v4: 0xc000_0000 + UInt32(source))
    var targets: [IPAddress] = []
    for _ in 0..<deed.targets { targets.append(host(child, deed)) }
    let report =
      deed.isInside
      ? make(number, deed, child, from: host(child, deed), to: [address], time)
      : make(number, deed, child, from: address, to: targets, time)
    keep((report, child, index))
    return report
  }

  private mutating func keep(_ entry: (report: Report, child: Int, deed: Int)) {
    if ring.count < Self.ringSize {
      ring.append(entry)
    } else {
      ring[random(Self.ringSize)] = entry
    }
  }

  private mutating func make(
    _ number: Int, _ deed: Deed, _ child: Int, from source: IPAddress, to targets: [IPAddress],
    _ time: CaptureTime
  ) -> Report {
    let place = Self.children[child]
    var report = Report(
      id: ReportID(high: UInt64(source.v4) << 16, low: UInt64(number)), kind: deed.kind,
      reportClass: .detection, monitor: place.name, tier: .local, first: time - .seconds(5),
      last: time, raised: time, emitted: time, severity: 5, confidence: 0.7)
    report.sources = AddressSet([source])
    report.targets = AddressSet(targets)
    if !deed.ports.isEmpty { report.ports = [deed.ports[random(deed.ports.count)]] }
    report.transport = deed.ports.isEmpty ? .icmp : .tcp
    report.terms = [Term("contacts", 12, threshold: 10, unit: "contacts")]
    report.attributes = ["targets": .count(UInt64(targets.count))]
    report.evidence = [
      Evidence(
        monitor: place.name, capture: "eth1", packets: [UInt64(number), UInt64(number + 9)])
    ]
    report.coverage.segments = [place.segment]
    return report
  }

  /// A newer revision of an attack: some look at one more host.
  private mutating func revision(_ time: CaptureTime) -> Report {
    let slot = random(ring.count)
    let deed = Self.deeds[ring[slot].deed]
    ring[slot].report.revision += 1
    ring[slot].report.last = time
    ring[slot].report.emitted = time
    if deed.targets > 1 { ring[slot].report.targets.insert(host(ring[slot].child, deed)) }
    return ring[slot].report
  }

  /// One who looked around attacks what he saw.
  private mutating func comeback(_ number: Int, _ time: CaptureTime) -> Report {
    let slot = random(ring.count)
    let seen = ring[slot]
    guard !Self.deeds[seen.deed].isInside, let source = seen.report.sources.listed.first?.base,
      let target = seen.report.targets.listed.first?.base
    else { return revision(time) }
    let kinds: [ReportKind] = [.bruteForce, .webAttack]
    let deed = Deed(kind: kinds[random(2)], share: 0, ports: [22, 80], isAtServers: true)
    let report = make(number, deed, seen.child, from: source, to: [target], time)
    if random(500) == 0 { intrude(number, seen.child, source, target, time) }
    return report
  }

  /// Logs in, moves on to a neighbour, and carries something off.
  private mutating func intrude(
    _ number: Int, _ child: Int, _ source: IPAddress, _ target: IPAddress, _ time: CaptureTime
  ) {
    let other = IPAddress(v4: Self.children[child].base + UInt32(random(Self.servers)))
    func deed(_ kind: ReportKind, _ port: UInt16) -> Deed {
      Deed(kind: kind, share: 0, ports: [port])
    }
    intrusion += [
      make(number + 3, deed(.bulkTransfer, 443), child, from: other, to: [source], time),
      make(number + 2, deed(.lateralMovement, 445), child, from: target, to: [other], time),
      make(number + 1, deed(.loginAfterGuessing, 22), child, from: source, to: [target], time),
    ]
  }

  /// Rows of one epoch, of a child: first contacts that failed, or what arrived at servers.
  private mutating func evidence(_ number: Int, _ time: CaptureTime) -> Report {
    let child = random(Self.children.count)
    let place = Self.children[child]
    let isRates = number % 100 == 99
    var report = Report(
      id: ReportID(high: .max, low: UInt64(number)),
      kind: isRates ? .ingressRates : .firstContacts, reportClass: .evidence,
      monitor: place.name, tier: .local, first: time - .seconds(10), last: time, raised: time,
      emitted: time, severity: 0, confidence: 1)
    var contacts: [ContactRow] = []
    var rates: [RateRow] = []
    for _ in 0..<Self.rowsOfEvidence {
      let deed = Self.deeds[random(8)]
      let source = IPAddress(v4: 0xc000_0000 + UInt32(random(sources)))
      let target = host(child, deed)
      let port = deed.ports.first ?? 80
      if isRates {
        rates.append(
          RateRow(
            target: target, segment: place.segment, transport: .tcp, port: port, packets: 40,
            bytes: 6000, contacts: 5, unfinished: 0, sources: AddressSet([source]),
            first: time - .seconds(10), last: time))
      } else {
        let set = AddressSet([target])
        contacts.append(
          ContactRow(
            source: IPPrefix(host: source), transport: .tcp, port: port, attempts: 1, failures: 1,
            targets: set, failedTargets: set, first: time, last: time,
            packets: [UInt64(number)]))
      }
    }
    report.summary = isRates ? .rates(rates) : .contacts(contacts)
    report.evidence = [Evidence(monitor: place.name, capture: "eth1", packets: [])]
    report.coverage.segments = [place.segment]
    return report
  }
}
