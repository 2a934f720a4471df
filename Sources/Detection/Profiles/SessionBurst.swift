import Analysis
import Flows
import Glibc
import Reports
import Terms

/// A set that only knows how many members it has: 256 bits, one per hash (Whang 1990, linear
/// counting); good to about 10 % up to 600 members.
struct SmallCount: Sendable, Hashable {
  private var bits = SIMD4<UInt64>()

  mutating func insert(_ hash: UInt64) {
    let place = UInt8(truncatingIfNeeded: hash >> 56)
    bits[Int(place >> 6)] |= 1 << UInt64(place & 63)
  }

  var value: Double {
    let set = (0..<4).reduce(0) { $0 + bits[$1].nonzeroBitCount }
    return set >= 256 ? 1500 : -256 * log(Double(256 - set) / 256)
  }
}

/// One client's burst of TCP traffic, as counts; about 350 bytes.
struct SessionBurst: Sendable {
  /// Time constant of the fading intensities, in seconds, for a half-life of 10 s.
  static let timeConstant = 10 / 0.693_147

  var begun = CaptureTime.distantPast
  /// Since when distinct addresses, services and outcomes are counted.
  var counted = CaptureTime.distantPast
  var last = CaptureTime.distantPast
  /// Connections of which the beginning was told (accepted or failed), fading, and those that
  /// failed.
  var events = 0.0
  var errors = 0.0
  var total: UInt32 = 0
  var failed: UInt32 = 0
  var addresses = SmallCount()
  var ports = SmallCount()
  /// By service: web, FTP, mail, log-in, other; by outcome: answered, refused, unanswered, empty.
  var services = SIMD8<UInt32>()
  var outcomes = SIMD8<UInt32>()
  /// Connections open now to up to four hosts, by the low half of the address's hash.
  var hosts = SIMD4<UInt32>()
  var open = SIMD4<UInt32>()
  var cursor = 0
  var target = IPAddress.unspecified
  var targetPort: UInt16 = 0
  var packets = SIMD8<UInt64>()
  /// Newest belief, and inferences in a row in which an attack won.
  var belief: [Double] = []
  var states: [Int?] = []
  var judged = CaptureTime.distantPast
  var judgedTotal: UInt32 = 0
  var wins = 0
  /// Since when an attack has been the likeliest, and when it is to be told.
  var since = CaptureTime.distantPast
  var due = CaptureTime.distantFuture
  /// Another engine has told of the client: nothing more is to be said of this burst.
  var isExplained = false
  var thread = ReportThread(spacing: .seconds(30))

  /// A long burst is seen piece by piece: its counts begin anew, its belief and what is open stay.
  mutating func continueAnew(at now: CaptureTime) {
    counted = now
    addresses = SmallCount()
    ports = SmallCount()
    services = SIMD8()
    outcomes = SIMD8()
  }

  mutating func fade(to now: CaptureTime) {
    let passed = max(0, (now - last).seconds)
    let factor = passed < 0.1 ? 1 - passed / Self.timeConstant : exp(-passed / Self.timeConstant)
    events *= max(0, factor)
    errors *= max(0, factor)
    last = max(last, now)
  }

  /// The beginning of a connection: accepted (nil), or how it failed.
  mutating func begin(_ event: UnsafePointer<FlowEvent>, outcome: Int?) {
    let host = TableKey(event.pointee.target).hash
    events += 1
    total &+= 1
    addresses.insert(host)
    ports.insert(TableKey(event.pointee.target, detail: UInt64(event.pointee.targetPort) + 1).hash)
    services[Self.service(event.pointee.targetPort)] &+= 1
    packets[Int(total & 7)] = event.pointee.firstPacket
    target = event.pointee.target
    targetPort = event.pointee.targetPort
    if let outcome {
      errors += 1
      failed &+= 1
      outcomes[outcome] &+= 1
    } else {
      change(UInt32(truncatingIfNeeded: host), by: 1)
    }
  }

  /// The end of a connection that had been accepted.
  mutating func end(_ event: UnsafePointer<FlowEvent>) {
    outcomes[event.pointee.payloadIn > 0 ? 0 : 3] &+= 1
    change(UInt32(truncatingIfNeeded: TableKey(event.pointee.target).hash), by: -1)
  }

  private mutating func change(_ host: UInt32, by step: Int) {
    for place in 0..<4 where hosts[place] == host && (open[place] > 0 || step > 0) {
      open[place] = step > 0 ? open[place] &+ 1 : open[place] &- 1
      return
    }
    guard step > 0 else { return }
    // The place with fewest open connections goes.
    var least = 0
    for place in 1..<4 where open[place] < open[least] { least = place }
    hosts[least] = host
    open[least] = 1
  }

  static func service(_ port: UInt16) -> Int {
    switch port {
    case 80, 443, 8080, 8443, 8000, 8088, 3128: 0
    case 20, 21, 989, 990: 1
    case 25, 110, 143, 465, 587, 993, 995: 2
    case 22, 23, 139, 445, 513, 514, 1433, 3306, 3389, 5432, 5900: 3
    default: 4
    }
  }

  /// States of the leaves, in the order of `SessionModel.Leaf`.
  func observed() -> [Int?] {
    let rate = events / Self.timeConstant
    let openNow = Double(open.max())
    return [
      SessionModel.step(rate, SessionModel.rateEdges),
      SessionModel.step(errors / Self.timeConstant, SessionModel.errorEdges),
      SessionModel.step(addresses.value, SessionModel.distinctEdges),
      SessionModel.step(ports.value, SessionModel.distinctEdges),
      SessionModel.step(openNow, SessionModel.openEdges),
      Self.foremost(services, of: 5, mixed: 5),
      outcomeState(),
    ]
  }

  private func outcomeState() -> Int? {
    var counts = outcomes
    counts[4] = open.wrappedSum()
    return Self.foremost(counts, of: 5, mixed: 5)
  }

  private static func foremost(_ counts: SIMD8<UInt32>, of places: Int, mixed: Int) -> Int? {
    let sum = (0..<places).reduce(0) { $0 + Double(counts[$1]) }
    guard sum > 0 else { return nil }
    let best = (0..<places).max { counts[$0] < counts[$1] } ?? 0
    return Double(counts[best]) >= SessionModel.foremost * sum ? best : mixed
  }
}
