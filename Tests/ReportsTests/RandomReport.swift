import Reports
import Terms

/// SplitMix64 (Steele, Lea & Flood, 2014): the tests' seeded source of chance.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}

/// Reports with every field in use, the odd ones included.
struct RandomReport {
  var chance: SeededGenerator

  init(seed: UInt64) { chance = SeededGenerator(seed: seed) }

  mutating func number(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &chance) }
  mutating func flip() -> Bool { Bool.random(using: &chance) }

  mutating func time() -> CaptureTime {
    switch number(8) {
    case 0: .distantPast
    case 1: .distantFuture
    default:
      CaptureTime(nanoseconds: Int64.random(in: -5...2_000_000_000_000_000_000, using: &chance))
    }
  }

  mutating func address() -> IPAddress {
    flip()
      ? IPAddress(v4: UInt32.random(in: 0...(.max), using: &chance))
      : IPAddress(high: chance.next() | 1, low: chance.next())
  }

  mutating func prefix() -> IPPrefix {
    let address = address()
    return flip()
      ? IPPrefix(host: address) : IPPrefix(address, length: number(address.bitWidth + 1))
  }

  mutating func set() -> AddressSet {
    var set = AddressSet()
    for _ in 0..<[0, 1, 1, 2, 5, 64, 70, 300][number(8)] {
      if number(4) == 0 { set.insert(prefix()) } else { set.insert(address()) }
    }
    return set
  }

  mutating func text() -> String {
    ["", "a", "häuser", "syn", String(repeating: "x", count: 40), "日本語のテキスト"][number(6)]
  }

  mutating func monitor() -> MonitorName {
    MonitorName("monitor-\(number(50))") ?? MonitorName("m").unsafelyUnwrapped
  }

  mutating func double() -> Double {
    [0, 1, 0.25, -3, 1e300][number(5)] + Double.random(in: 0..<1, using: &chance)
  }

  mutating func value() -> AttributeValue {
    switch number(11) {
    case 0: .address(address())
    case 1: .prefix(prefix())
    case 2: .port(UInt16(number(65_536)))
    case 3: .mac(MACAddress(bits: chance.next()))
    case 4: .count(chance.next())
    case 5: .duration(TimeSpan(nanoseconds: Int64(bitPattern: chance.next())))
    case 6: .bytes(chance.next() >> 40)
    case 7: .ratio(double())
    case 8: .text(text())
    case 9: .hash(chance.next())
    default: .time(time())
    }
  }

  mutating func packets() -> [UInt64] { (0..<number(33)).map { _ in chance.next() >> 30 } }

  mutating func summary() -> Summary {
    let count = number(20)
    switch number(4) {
    case 0: return .logins((0..<count).map { _ in login() })
    case 1: return .leases((0..<count).map { _ in lease() })
    default: break
    }
    guard flip() else {
      return .rates(
        (0..<count).map { _ in
          RateRow(
            target: address(), segment: text(), transport: .udp, port: UInt16(number(65_536)),
            packets: chance.next(), bytes: chance.next(), contacts: 3, unfinished: 0,
            refused: chance.next(), sources: set(), first: time(), last: time(), indices: packets(),
            busiest: (0..<number(4)).map { _ in
              SourceCount(source: address(), contacts: chance.next())
            })
        })
    }
    return .contacts(
      (0..<count).map { _ in
        ContactRow(
          source: prefix(), transport: .tcp, port: UInt16(number(65_536)), attempts: chance.next(),
          failures: 1, targets: set(), failedTargets: set(), first: time(), last: time(),
          packets: packets())
      })
  }

  private mutating func login() -> LoginRow {
    LoginRow(
      client: address(), server: address(), clientPort: UInt16(number(65_536)),
      serverPort: UInt16(number(65_536)), service: text(), user: text(),
      outcome: LoginRow.Outcome.allCases[number(3)], count: chance.next(), opened: time(),
      last: time(), isClosed: flip(), bytesOut: chance.next(), bytesIn: chance.next(),
      mark: chance.next(), packets: packets())
  }

  private mutating func lease() -> LeaseRow {
    LeaseRow(
      hardware: MACAddress(bits: chance.next()), client: chance.next(), address: address(),
      name: text(), server: address(), granted: time(), until: time(), isReleased: flip(),
      packets: packets())
  }

  mutating func assessment() -> Assessment {
    var assessment = Assessment(
      relevance: UInt8(number(256)), value: UInt8(number(6)), interest: double(),
      outcome: Assessment.Outcome.allCases[number(3)], confidence: double(),
      rankClass: RankClass.allCases[number(5)], riskValue: UInt8(number(6)),
      host: flip() ? address() : nil)
    for _ in 0..<number(4) { assessment.grounds.append(Term(text(), double(), unit: text())) }
    return assessment
  }

  mutating func next() -> Report {
    let kinds: [ReportKind] = [.portScan, .firstContacts, .distributedFlood]
    var report = Report(
      id: ReportID(high: chance.next(), low: chance.next()), kind: kinds[number(3)],
      reportClass: ReportClass.allCases[number(3)], monitor: monitor(),
      tier: Tier.allCases[number(3)], first: time(), last: time(), raised: time(),
      emitted: time(), severity: double(), confidence: double())
    report.revision = UInt32(truncatingIfNeeded: chance.next())
    report.sources = set()
    report.targets = set()
    report.ports = Set((0..<number(64)).map { _ in UInt16(number(65_536)) }).sorted()
    report.transport = flip() ? TransportProtocol(number: UInt8(number(256))) : nil
    for index in 0..<number(12) { report.attributes["field-\(index)"] = value() }
    for _ in 0..<number(4) {
      report.evidence.append(Evidence(monitor: monitor(), capture: text(), packets: packets()))
    }
    for _ in 0..<number(10) {
      report.derivedFrom.append(ReportID(high: chance.next(), low: chance.next()))
    }
    for _ in 0..<number(6) {
      report.terms.append(Term(text(), double(), threshold: flip() ? double() : nil, unit: text()))
    }
    report.coverage.segments = (0..<number(4)).map { _ in text() }
    report.coverage.loss = flip() ? 0 : 0.5
    report.coverage.silent = (0..<number(3)).map { _ in monitor() }
    report.exercise = flip() ? text() : nil
    report.summary = flip() ? summary() : nil
    report.partOf = flip() ? ReportID(high: chance.next(), low: chance.next()) : nil
    report.assessment = flip() ? assessment() : nil
    return report
  }
}
