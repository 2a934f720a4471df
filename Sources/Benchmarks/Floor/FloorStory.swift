import Terms

/// One run's traffic from a seed: the everyday, and an attack in it.
struct FloorStory {
  /// What is being done, with what is swept as its numbers.
  enum Attack {
    case none
    /// So many outside sources, so many probes of each, within ten minutes.
    case distributedScan(sources: Int, probes: Int)
    /// One outside source, so many probes an hour, 32 in all.
    case slowScan(perHour: Double)
    /// A bot in each of twelve segments, so many openings a second of each, for a minute.
    case flood(perIngress: Double)
    /// Six hosts that infect one another, so many failed probes of each.
    case worm(probes: Int)
  }

  /// The port that scanners and worms are after.
  private static let port: UInt16 = 445
  /// The flood's victim: a web server of the first segment.
  static let victim = FloorNetwork.address(0, 30)

  private(set) var traffic = FloorTraffic()
  /// Whom a verdict must name.
  private(set) var attackers: [IPAddress] = []
  let attack: Attack
  private let duration: Double
  private var generator: Generator
  private var nextPort: UInt16 = 20_000

  init(_ attack: Attack, seed: UInt64) {
    self.attack = attack
    generator = Generator(state: seed &* 0x9e37_79b9_7f4a_7c15)
    switch attack {
    case .slowScan(let perHour): duration = 32 / perHour * 3600 + 120
    default: duration = 660
    }
    everyday()
    switch attack {
    case .none: break
    case .distributedScan(let sources, let probes): distributedScan(sources, probes)
    case .slowScan(let perHour): slowScan(perHour)
    case .flood(let perIngress): flood(perIngress)
    case .worm(let probes): worm(probes)
    }
    traffic.settle()
  }

  // MARK: The everyday

  /// Workstations talk to servers near and far and outside, one of each segment asks for a print
  /// server that is gone, and a stranger knocks at each once an hour, at random; in longer stories
  /// twice a day, since many strangers on one port are a distributed scan until they are usual.
  private mutating func everyday() {
    // Over hours there is less of each, so that a run stays affordable.
    let pause = duration > 3600 ? 180.0 : 30.0
    let knock = duration > 700 ? 43_200.0 : 3600.0
    for segment in 0..<FloorNetwork.segments {
      for host in FloorNetwork.workstations {
        var time = Double.random(in: 0..<pause, using: &generator)
        while time < duration {
          talk(FloorNetwork.address(segment, host), at: time)
          time += pause * Double.random(in: 0.5..<1.5, using: &generator)
        }
      }
      let printer = FloorNetwork.address(5, 60)
      for time in stride(from: 20.0, to: duration, by: 10 * pause) {
        probe(FloorNetwork.address(segment, 10), printer, 9100, at: time + Double(segment))
      }
      var time = Double.random(in: 0..<knock, using: &generator)
      while time < duration {
        let port = ([23, 22, 445, 3389, 8080, 5060] as [UInt16]).randomElement(using: &generator)
        probe(outsider(), anyone(in: segment), port ?? 23, at: time)
        time += knock * Double.random(in: 0.5..<1.5, using: &generator)
      }
    }
  }

  private mutating func talk(_ source: IPAddress, at time: Double) {
    let isOutward = Int.random(in: 0..<3, using: &generator) == 0
    let segment = Int.random(in: 0..<FloorNetwork.segments, using: &generator)
    let host = UInt32.random(in: FloorNetwork.servers, using: &generator)
    let site = UInt32.random(in: 1...40, using: &generator)
    let target = isOutward ? IPAddress(v4: 0xc633_6400 | site) : FloorNetwork.address(segment, host)
    traffic.talk(source, target, 80, from: freshPort(), at: time)
  }

  // MARK: Attacks

  private mutating func distributedScan(_ sources: Int, _ probes: Int) {
    attackers = (0..<sources).map { _ in outsider() }
    for source in attackers {
      for _ in 0..<probes {
        probe(
          source, anyone(), Self.port, at: Double.random(in: 60..<600, using: &generator))
      }
    }
  }

  private mutating func slowScan(_ perHour: Double) {
    attackers = [outsider()]
    let gap = 3600 / perHour
    for number in 0..<32 {
      let jitter = Double.random(in: -0.2...0.2, using: &generator)
      probe(attackers[0], anyone(), Self.port, at: 60 + (Double(number) + jitter + 0.2) * gap)
    }
  }

  private mutating func flood(_ perIngress: Double) {
    attackers = (1...12).map { FloorNetwork.address($0, 15) }
    for source in attackers {
      var time = 420 + Double.random(in: 0..<1, using: &generator)
      while time < 480 {
        let isAnswered = Bool.random(using: &generator)
        traffic.flood(
          source, Self.victim, 80, from: freshPort(), at: time, isAnswered: isAnswered)
        time += Double.random(in: 0.5..<1.5, using: &generator) / perIngress
      }
    }
  }

  private mutating func worm(_ probes: Int) {
    var places = Array(0..<FloorNetwork.segments)
    places.shuffle(using: &generator)
    attackers = places.prefix(6).map { segment in
      FloorNetwork.address(segment, UInt32.random(in: FloorNetwork.workstations, using: &generator))
    }
    var began = 120.0
    for (number, host) in attackers.enumerated() {
      for probe in 0..<probes {
        self.probe(host, nobody(), Self.port, at: began + 1.5 * Double(probe))
      }
      guard number + 1 < attackers.count else { break }
      let reached = began + 1.5 * Double(probes) + 1
      traffic.talk(
        host, attackers[number + 1], Self.port, from: freshPort(), at: reached,
        request: "\u{1}worm body \(String(repeating: "x", count: 600))", answer: "done")
      began = reached + 12
    }
  }

  // MARK: Whoever

  private mutating func probe(
    _ source: IPAddress, _ target: IPAddress, _ port: UInt16, at time: Double
  ) {
    traffic.probe(source, target, port, from: freshPort(), at: time)
  }

  private mutating func freshPort() -> UInt16 {
    nextPort = nextPort == 60_000 ? 20_000 : nextPort + 1
    return nextPort
  }

  private mutating func outsider() -> IPAddress {
    IPAddress(v4: UInt32.random(in: 0x2d00_0000..<0x7e00_0000, using: &generator))
  }

  private mutating func anyone(in segment: Int? = nil) -> IPAddress {
    let place = segment ?? Int.random(in: 0..<FloorNetwork.segments, using: &generator)
    return FloorNetwork.address(place, UInt32.random(in: 2...254, using: &generator))
  }

  /// An address at which nobody lives.
  private mutating func nobody() -> IPAddress {
    let place = Int.random(in: 0..<FloorNetwork.segments, using: &generator)
    return FloorNetwork.address(place, UInt32.random(in: 100...254, using: &generator))
  }

  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    /// SplitMix64.
    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var word = state
      word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
      word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
      return word ^ word >> 31
    }
  }
}
