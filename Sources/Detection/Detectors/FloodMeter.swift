import Analysis
import Reports
import Terms

/// Measures what arrives at each target second by second, and holds it against the target's own
/// past.
///
/// Shared by the flood detectors; each says what it counts (openings, packets) and when a rate is a
/// flood.
struct FloodMeter: Sendable {
  /// What one event adds to its target.
  struct Load: Sendable {
    /// Packets or openings from sources.
    var requests: UInt32 = 0
    /// What of them was completed, or packets back.
    var answers: UInt32 = 0
    /// Of the requests, those that the target refused.
    var refusals: UInt32 = 0
    /// Of the requests, those that the target accepted and that were left at that.
    var halfOpen: UInt32 = 0
    /// New flows.
    var flows: UInt32 = 0
    var bytes: UInt64 = 0
  }

  /// What the last `windowSeconds` whole seconds hold.
  struct Rates: Sendable {
    /// Per second.
    var requests = 0.0
    var answers = 0.0
    var refusals = 0.0
    var halfOpen = 0.0
    var flows = 0.0
    var bytes = 0.0
  }

  struct Target: Sendable {
    var requests = SlidingWindow()
    var answers = SlidingWindow()
    var refusals = SlidingWindow()
    var halfOpen = SlidingWindow()
    var flows = SlidingWindow()
    var bytes = SlidingWindow()
    /// When a request was last refused.
    var refused = CaptureTime.distantPast
    /// Second up to which the target was judged.
    var judged: Int64 = .min
    /// Learnt requests per second in quiet times.
    var learnt = 0.0
    var seconds = 0.0
    /// The highest rate that was found as usual when the detector began.
    var initial = 0.0
    var flood: Int32 = -1

    /// Returns whether a whole second has passed since the target was judged last.
    @inline(__always) fileprivate mutating func add(_ load: Load, at time: CaptureTime) -> Bool {
      let second = time.wholeSeconds
      requests.roll(to: second)
      requests.add(load.requests)
      if load.answers > 0 {
        answers.roll(to: second)
        answers.add(load.answers)
      }
      if load.refusals > 0 {
        refusals.roll(to: second)
        refusals.add(load.refusals)
        refused = time
      }
      if load.halfOpen > 0 {
        halfOpen.roll(to: second)
        halfOpen.add(load.halfOpen)
      }
      if load.flows > 0 {
        flows.roll(to: second)
        flows.add(load.flows)
      }
      if load.bytes > 0 {
        bytes.roll(to: second)
        bytes.add(UInt32(min(load.bytes, UInt64(UInt32.max))))
      }
      return second > judged
    }
  }

  /// What sets a flood apart from others of its kind.
  struct Label: Sendable {
    /// As the schema's `technique` spells it; empty where the kind says all.
    var technique = ""
    /// The path that is asked for most.
    var path = ""
    /// nil: that of the detector.
    var transport: TransportProtocol?
    /// The network that is flooded as a whole; nil for a host.
    var net: IPPrefix?
  }

  /// A flood that goes on.
  struct Flood: Sendable {
    var key: TableKey
    var first: CaptureTime
    var last: CaptureTime
    /// When the rate was found too high.
    var opened = CaptureTime.distantPast
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
    var flows: UInt64 = 0
    var rate = 0.0
    var peak = 0.0
    var threshold = 0.0
    var answeredShare = 0.0
    var label = Label()
    /// Whether the target's last second was still one of flood.
    var isHot = true
    /// The sources of the first `namedLimit` loads, and the count of all.
    var sources = AddressSet()
    var distinct = DistinctCount()
    var loads: UInt64 = 0
    var heavy = HeavySources()
    var sample = PacketSample()
    var thread: ReportThread
    /// Whether this place holds a flood.
    var isUsed = false

    fileprivate mutating func add(
      _ load: Load, _ source: IPAddress, _ packet: UInt64, at time: CaptureTime
    ) {
      guard isHot else { return }
      packets &+= UInt64(load.requests)
      bytes &+= load.bytes
      flows &+= UInt64(load.flows)
      last = time
      guard load.requests > 0 else { return }
      loads &+= 1
      if loads <= FloodMeter.namedLimit { sources.insert(source) }
      distinct.insert(source)
      heavy.add(source, UInt64(load.requests))
      sample.add(packet)
    }
  }

  /// Whole seconds over which rates are averaged.
  static let windowSeconds = 5
  /// Loads of a flood whose sources are listed; later ones are only counted.
  static let namedLimit: UInt64 = 4096
  /// Floods followed at once per detector.
  static let floodLimit = 64
  /// Time constant of a target's learnt rate, in seconds, and how long a target is protected from
  /// newcomers.
  static let learningSeconds = 600.0
  static let holdSpan = TimeSpan.seconds(8)

  /// Requests within one second after which a target is judged, though no more may come: a tool that
  /// sends all it has at once is done within that second.
  static let surgeLoad: UInt32 = 256

  private(set) var known: BoundedTable<Target>
  private var surges: [TableKey] = []
  private(set) var surgeDue = CaptureTime.distantFuture
  private(set) var floods: [Flood]
  let quietSpan: TimeSpan
  let spacingSpan: TimeSpan

  init(targets: Int, quiet: TimeSpan, spacing: TimeSpan) {
    known = BoundedTable(capacity: targets, empty: Target())
    let thread = ReportThread(spacing: spacing)
    floods = Array(
      repeating: Flood(key: .none, first: .distantPast, last: .distantPast, thread: thread),
      count: Self.floodLimit)
    quietSpan = quiet
    spacingSpan = spacing
  }

  /// Where a load went.
  struct Entry {
    /// The target's slot; -1 where there was no room for it.
    var slot: Int
    /// Whether a whole second has passed since the target was judged last, so that it should be
    /// judged again.
    var isDue: Bool
  }

  /// Asks for the memory of a target.
  @inline(__always) func foresee(_ key: TableKey) { known.foresee(key) }

  /// Adds a load to a target.
  mutating func add(_ load: Load, to key: TableKey, at time: CaptureTime) -> Entry {
    let slot = known.admit(key, asOf: time, until: time + .seconds(1))
    guard slot >= 0 else { return Entry(slot: -1, isDue: false) }
    let isDue = known[slot].add(load, at: time)
    let newest = known[slot].requests.newest
    if newest >= Self.surgeLoad, newest &- load.requests < Self.surgeLoad {
      surge(slot, at: time)
    }
    return Entry(slot: slot, isDue: isDue)
  }

  /// Remembers to judge the target when the second is over, though nothing may follow.
  private mutating func surge(_ slot: Int, at time: CaptureTime) {
    guard surges.count < Self.floodLimit else { return }
    surges.append(known.key(slot))
    known.keep(slot, until: time + Self.holdSpan)
    let end = CaptureTime(nanoseconds: (time.wholeSeconds &+ 1) &* 1_000_000_000)
    surgeDue = min(surgeDue, end)
  }

  /// The targets that are to be judged now.
  mutating func takeSurges() -> [TableKey] {
    surgeDue = .distantFuture
    defer { surges.removeAll(keepingCapacity: true) }
    return surges
  }

  /// Adds to the flood at a target's slot, if there is one.
  mutating func detail(
    _ load: Load, _ source: IPAddress, _ packet: UInt64, at slot: Int, time: CaptureTime
  ) {
    let index = Int(known[slot].flood)
    if index >= 0 { floods[index].add(load, source, packet, at: time) }
  }

  /// The same for a load with requests, which was added before.
  mutating func detail(
    _ load: Load, _ source: IPAddress, _ packet: UInt64, in entry: Entry, time: CaptureTime
  ) {
    guard load.requests > 0, entry.slot >= 0 else { return }
    detail(load, source, packet, at: entry.slot, time: time)
  }

  func slot(of key: TableKey) -> Int { known.find(key) }
  func flood(at slot: Int) -> Int { Int(known[slot].flood) }
  func refused(_ slot: Int) -> CaptureTime { known[slot].refused }
  func learnt(_ slot: Int) -> Double { known[slot].learnt }

  /// The rates of the whole seconds before `time`.
  func rates(_ slot: Int, at time: CaptureTime) -> Rates {
    let second = time.wholeSeconds
    func rate(_ window: SlidingWindow) -> Double {
      Double(window.sum(before: second, seconds: Self.windowSeconds)) / Double(Self.windowSeconds)
    }
    return Rates(
      requests: rate(known[slot].requests), answers: rate(known[slot].answers),
      refusals: rate(known[slot].refusals), halfOpen: rate(known[slot].halfOpen),
      flows: rate(known[slot].flows), bytes: rate(known[slot].bytes))
  }

  /// Marks the target as judged up to `time`; a quiet target learns its rate.
  mutating func settle(_ slot: Int, rate: Double, isFlood: Bool, at time: CaptureTime) {
    let second = time.wholeSeconds
    let passed = known[slot].judged == .min ? 1 : Double(min(second &- known[slot].judged, 3600))
    known[slot].judged = second
    known.keep(slot, until: time + Self.holdSpan)
    guard !isFlood, known[slot].flood < 0 else { return }
    known[slot].seconds = min(known[slot].seconds + passed, Self.learningSeconds)
    let weight = min(1, passed / max(known[slot].seconds, 30))
    known[slot].learnt += (rate - known[slot].learnt) * weight
  }

  /// The highest rate of the target among those that were noted.
  mutating func initial(_ slot: Int, noting rate: Double?) -> Double {
    if let rate { known[slot].initial = max(known[slot].initial, rate) }
    return known[slot].initial
  }

  /// Starts to follow a flood; -1 when too many go on already.
  mutating func open(_ slot: Int, rate: Double, at time: CaptureTime) -> Int {
    guard let index = floods.firstIndex(where: { !$0.isUsed }) else { return -1 }
    let burst = known[slot].requests.burstStart(least: UInt32(max(1, min(rate / 4, 1e9))))
    let start = min(time, CaptureTime(nanoseconds: burst &* 1_000_000_000))
    floods[index] = Flood(
      key: known.key(slot), first: start, last: time, opened: time,
      thread: ReportThread(spacing: spacingSpan), isUsed: true)
    known[slot].flood = Int32(truncatingIfNeeded: index)
    known.keep(slot, until: time + .minutes(10))
    return index
  }

  mutating func update(_ index: Int, _ body: (inout Flood) -> Void) { body(&floods[index]) }

  mutating func close(_ index: Int) {
    let slot = known.find(floods[index].key)
    if slot >= 0 { known[slot].flood = -1 }
    floods[index].isUsed = false
  }
}
