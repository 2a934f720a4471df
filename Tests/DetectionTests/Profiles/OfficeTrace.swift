import Analysis
import Flows
import Glibc
import Reports
import Terms

@testable import Detection

/// Weeks of an office as flows that end, generated from a seed: people work from 8 to 15 on
/// weekdays, a server answers them and the outside, and every Sunday night a backup runs.
struct OfficeTrace {
  static let start = CaptureTime(seconds: 1_699_833_600)  // Monday, 13 November 2023, 0 h UTC
  static let staff = (11...13).map { IPAddress(v4: 0x0a01_0200 + UInt32($0)) }
  static let server = IPAddress(v4: 0x0a01_0205)
  static let vault = IPAddress(v4: 0x0a01_0306)
  static let context: DetectionContext = {
    let prefixes = [IPPrefix(IPAddress(v4: 0x0a01_0200), length: 24)]
    return DetectionContext(
      segment: "office", prefixes: prefixes,
      home: [IPPrefix(IPAddress(v4: 0x0a01_0000), length: 16)])
  }()

  private var state: UInt64
  private var packet: UInt64 = 0
  private(set) var events: [FlowEvent] = []

  init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

  /// SplitMix64.
  mutating func random() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    return word ^ word >> 31
  }

  mutating func unit() -> Double { Double(random() >> 11) / 9_007_199_254_740_992 }

  /// A number around `middle`, a few times larger or smaller.
  mutating func about(_ middle: Double) -> UInt64 {
    let normal = (0..<6).reduce(0.0) { sum, _ in sum + unit() } - 3
    return UInt64(max(1, middle * exp2(normal * 1.5)))
  }

  static func time(day: Int, hour: Double) -> CaptureTime {
    start + .seconds(Double(day) * 86_400 + hour * 3600)
  }

  mutating func flow(
    _ source: IPAddress, _ target: IPAddress, _ port: UInt16, at time: CaptureTime,
    lasting seconds: Double = 0.4, out: UInt64 = 600, back: UInt64 = 4000,
    transport: TransportProtocol = .tcp, ending: FlowEvent.Ending = .finished
  ) {
    var event = FlowEvent()
    packet += 1
    event.kind = .closed
    event.packet = packet
    event.firstPacket = packet
    event.time = time
    event.opened = time - .seconds(seconds)
    event.source = source
    event.target = target
    event.sourcePort = 40_000
    event.targetPort = port
    event.transport = transport
    event.ending = ending
    event.isEstablished = ending == .finished || ending == .idle
    event.payloadOut = event.isEstablished ? out : 0
    event.payloadIn = event.isEstablished ? back : 0
    event.bytesOut = event.payloadOut
    event.bytesIn = event.payloadIn
    events.append(event)
  }

  /// Everything that usually happens on a day, counted from `start`.
  mutating func add(day: Int) {
    if day % 7 < 5 {
      for person in Self.staff { work(person, day) }
    }
    strangers(day)
    if day % 7 == 6 { backup(day) }
  }

  private mutating func work(_ person: IPAddress, _ day: Int) {
    var hour = 7.7 + unit() * 0.6
    while hour < 15 {
      // Lunch is quieter.
      hour += -log(max(unit(), 1e-9)) / (hour > 12 && hour < 13 ? 40 : 110)
      task(person, Self.time(day: day, hour: hour))
    }
  }

  private mutating func task(_ person: IPAddress, _ time: CaptureTime) {
    let site = IPAddress(v4: 0x5db8_0000 + UInt32(random() % 12) << 16 + UInt32(random() % 200))
    switch random() % 100 {
    case ..<30:
      flow(
        person, Self.server, 53, at: time, lasting: 0.02, out: 40, back: 120, transport: .udp,
        ending: .idle)
    case ..<78:
      flow(person, site, 443, at: time, lasting: unit() * 20, out: about(900), back: about(20_000))
    case ..<88: flow(person, Self.server, 80, at: time, out: about(500), back: about(6000))
    case ..<93: flow(person, Self.server, 143, at: time, out: about(300), back: about(3000))
    case ..<97: flow(person, Self.server, 445, at: time, out: about(9000), back: about(40_000))
    case ..<98: flow(person, site, 80, at: time, ending: .idle)
    case 98: flow(person, site, 443, at: time, ending: .refused)
    default:
      flow(person, Self.vault, 22, at: time, lasting: 60, out: about(3000), back: about(9000))
    }
  }

  private mutating func strangers(_ day: Int) {
    var hour = unit() * 0.1
    while hour < 24 {
      hour += -log(max(unit(), 1e-9)) / (hour > 7 && hour < 22 ? 15 : 3)
      let client = IPAddress(v4: 0xc633_0000 + UInt32(random() % 40_000))
      flow(
        client, Self.server, 80, at: Self.time(day: day, hour: hour), out: about(500),
        back: about(15_000))
    }
  }

  private mutating func backup(_ day: Int) {
    for person in Self.staff + [Self.server] {
      for piece in 0..<8 {
        flow(
          person, Self.vault, 22, at: Self.time(day: day, hour: 2 + Double(piece) * 0.1),
          lasting: 200, out: about(80_000_000), back: 40_000)
      }
    }
  }

  /// Runs the events of `days` through an engine and returns all it says.
  mutating func run(
    _ days: Range<Int>, through engine: inout UsageProfiles,
    adding extra: (inout OfficeTrace, Int) -> Void = { _, _ in }
  ) -> [Report] {
    var sink = ReportSink(monitor: Self.monitor, tier: .local, capture: "office")
    for day in days {
      events.removeAll(keepingCapacity: true)
      add(day: day)
      extra(&self, day)
      events.sort { ($0.time, $0.packet) < ($1.time, $1.packet) }
      events.withUnsafeBufferPointer { engine.analyse(batch: $0, into: &sink) }
    }
    return sink.drain()
  }

  static let monitor = MonitorName("office")!
}
