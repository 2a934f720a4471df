import CPrefetch
import Packets
import Terms

/// What flows wait for: answers, the next `progress`, and the sweep that ends idle ones.
///
/// All instants lie on event time alone: a deadline fires before the first packet that reaches it,
/// however the packets arrive.
struct FlowTimeouts: ~Copyable {
  /// A flow with packets that were not told of is told of after this long, in nanoseconds.
  static let progressDelay: Int64 = 1_000_000_000
  /// The sweep looks for idle flows at every multiple of this, in nanoseconds.
  static let sweepStep: Int64 = 1_000_000_000
  /// Places that share a time before which none of them can be idle.
  static let sweepBlock = 64

  /// Event time now, in nanoseconds; `.min` before the first packet.
  var clock = Int64.min
  /// The earliest instant at which something is due.
  private(set) var next = Int64.max
  var answers: DeadlineQueue
  var progress: DeadlineQueue
  /// Next step of the sweep; `.max` while the table is empty.
  var sweep = Int64.max
  private let answerDelay: Int64
  /// Idle limits in units of `FlowClock`.
  private let handshakeIdle: UInt32
  private let establishedIdle: UInt32
  private let datagramIdle: UInt32
  private let icmpIdle: UInt32
  private let linger: UInt32
  /// The shortest of them.
  let leastIdle: UInt32
  /// For each block of places, when one of its flows may be idle: nanoseconds, biased so that zero
  /// is always due.
  private let idleTimes: UnsafeMutablePointer<UInt64>
  private let blockCount: Int

  init(limits: FlowLimits) {
    handshakeIdle = FlowClock.units(limits.handshakeIdle)
    establishedIdle = FlowClock.units(limits.establishedIdle)
    datagramIdle = FlowClock.units(limits.datagramIdle)
    icmpIdle = FlowClock.units(limits.icmpIdle)
    linger = FlowClock.units(limits.linger)
    leastIdle = min(handshakeIdle, establishedIdle, datagramIdle, icmpIdle, linger)
    blockCount = (limits.capacity + Self.sweepBlock - 1) / Self.sweepBlock
    idleTimes = LazyPages.allocate(UInt64.self, count: blockCount)
    // A place waits for one answer at a time; entries of flows that are gone make the oldest be
    // judged early.
    answers = DeadlineQueue(capacity: limits.capacity)
    progress = DeadlineQueue(capacity: limits.capacity)
    answerDelay = min(limits.answerLimit.nanoseconds, Int64(1) << 60)
  }

  deinit { LazyPages.free(idleTimes, count: blockCount) }

  /// Whether a flow of the block may be idle when the sweep comes by.
  @inline(__always) func isDue(block: Int) -> Bool {
    CaptureTime(nanoseconds: sweep).ordered >= idleTimes[block]
  }

  /// None of the block's flows is idle for so long from now, in units of `FlowClock`.
  @inline(__always) func rest(block: Int, for units: UInt32) {
    idleTimes[block] = CaptureTime(nanoseconds: sweep &+ FlowClock.nanoseconds(units)).ordered
  }

  /// The flow may be idle sooner than its block knew.
  func disturb(_ place: Int) { idleTimes[place / Self.sweepBlock] = 0 }

  var answersAreFull: Bool { answers.isFull }

  mutating func awaitAnswer(_ place: Int, stamp: UInt32, from now: Int64) {
    let deadline = now &+ answerDelay
    answers.append(.init(deadline: deadline, place: UInt32(place), stamp: stamp))
    next = min(next, deadline)
  }

  /// - Parameter stamp: low bits of the index of the packet that is to be told of.
  @inline(__always) mutating func awaitProgress(_ place: Int, stamp: UInt32, from now: Int64) {
    let deadline = now &+ Self.progressDelay
    progress.append(
      .init(deadline: deadline, place: UInt32(truncatingIfNeeded: place), stamp: stamp))
    next = min(next, deadline)
  }

  /// Lets the sweep begin behind `now` if it rests.
  @inline(__always) mutating func startSweep(after now: Int64) {
    guard sweep == .max else { return }
    sweep =
      CaptureTime(nanoseconds: now).epochStart(TimeSpan(nanoseconds: Self.sweepStep))
      .nanoseconds &+ Self.sweepStep
    next = min(next, sweep)
  }

  /// Silence after which a flow is over.
  @inline(__always) func idleLimit(of flow: Flow) -> UInt32 {
    if flow.state.phase == .closed { return linger }
    switch TransportProtocol(number: flow.transport) {
    case .tcp: return flow.state.phase == .established ? establishedIdle : handshakeIdle
    case .icmp, .icmpv6: return icmpIdle
    default: return datagramIdle
    }
  }

  mutating func findNext() { next = min(answers.next, progress.next, sweep) }
}

extension FlowEngine {
  /// Makes everything happen that is due by `now`, in order of time; of things due at once, answers
  /// come first, then progress, then the sweep.
  mutating func runTimeouts(upTo now: Int64) {
    while timeouts.next <= now {
      timeouts.clock = timeouts.next
      if timeouts.answers.next == timeouts.next {
        judgeNextAnswer(isDue: true)
      } else if timeouts.progress.next == timeouts.next {
        tellNextProgress()
      } else {
        sweepFlows()
      }
      timeouts.findNext()
    }
    timeouts.clock = now
  }

  /// Judges the first contact that waited longest: unanswered, unless something came back or it is
  /// gone.
  ///
  /// - Parameter isDue: its time has come; else it is judged early, as part of the packet at hand.
  mutating func judgeNextAnswer(isDue: Bool = false) {
    if let place = timeouts.answers.place(behindHead: 8) {
      table.prefetchFlow(place)
      table.prefetchRecord(place)
    }
    let entry = timeouts.answers.removeFirst()
    let place = Int(entry.place)
    let state = table.flows[place].state
    guard state.phase == .fresh, !state.isRefused else { return }
    let first = table.records[place].firstPacket
    guard UInt32(truncatingIfNeeded: first) == entry.stamp else { return }
    if isDue { enter(EventOrder(.answer, packet: first)) }
    tell(.unanswered, place, packet: first)
  }

  private mutating func tellNextProgress() {
    if let place = timeouts.progress.place(behindHead: 8) {
      table.prefetchFlow(place)
      table.prefetchRecord(place)
    }
    let entry = timeouts.progress.removeFirst()
    let place = Int(entry.place)
    table.flows[place].state.isQueued = false
    guard table.flows[place].state.phase != .free, table.flows[place].pendingPackets > 0 else {
      return
    }
    enter(EventOrder(.progress, packet: index(entry.stamp)))
    tellCounts(.progress, place, packet: table.records[place].firstPacket)
  }

  /// The packet index that these are the low bits of: the newest one that is not ahead.
  private mutating func index(_ stamp: UInt32) -> UInt64 {
    let lag = UInt32(truncatingIfNeeded: newestIndex) &- stamp
    return newestIndex &- min(UInt64(lag), newestIndex)
  }

  /// Ends the flows that are idle now, in the order in which they opened.
  ///
  /// A block of places is looked at only when one of its flows may be idle: those seen or changed
  /// since the last look cannot be before the shortest limit has passed.
  private mutating func sweepFlows() {
    let now = FlowClock.units(timeouts.sweep)
    let used = table.used
    var idle: [FlowOpening] = []
    for block in 0..<(used + FlowTimeouts.sweepBlock - 1) / FlowTimeouts.sweepBlock {
      guard timeouts.isDue(block: block) else { continue }
      var soonest = timeouts.leastIdle
      let start = block * FlowTimeouts.sweepBlock
      for place in start..<min(start + FlowTimeouts.sweepBlock, used) {
        let flow = table.flows + place
        guard flow.pointee.state.phase != .free else { continue }
        let limit = timeouts.idleLimit(of: flow.pointee)
        let silence = now &- flow.pointee.lastSeen
        if silence >= limit {
          idle.append(FlowOpening(firstPacket: table.records[place].firstPacket, place: place))
        } else {
          soonest = min(soonest, limit &- silence)
        }
      }
      timeouts.rest(block: block, for: soonest)
    }
    idle.sort { $0.firstPacket < $1.firstPacket }
    for flow in idle {
      enter(EventOrder(.sweep, packet: flow.firstPacket))
      end(flow.place, .idle, packet: flow.firstPacket)
    }
    sessions.sweep(
      at: CaptureTime(nanoseconds: timeouts.sweep), table.flows, table.records)
    timeouts.sweep = table.count == 0 ? .max : timeouts.sweep &+ FlowTimeouts.sweepStep
  }

  /// Judges first contacts as though the capture had gone on silently for as long as an answer may
  /// take.
  mutating func judgeRemaining() {
    if let last = timeouts.answers.last { runTimeouts(upTo: last) }
  }

  /// Ends the capture but for the flows still open, which wait in `remaining`.
  mutating func beginFinish() {
    guard remaining == nil else { return }
    flush()
    judgeRemaining()
    remaining = flowsToClose()
  }

  /// All flows, the one that opened last first.
  func flowsToClose() -> [FlowOpening] {
    var open: [FlowOpening] = []
    open.reserveCapacity(table.count)
    for place in 0..<table.used where table.flows[place].state.phase != .free {
      open.append(FlowOpening(firstPacket: table.records[place].firstPacket, place: place))
    }
    open.sort { $0.firstPacket > $1.firstPacket }
    return open
  }

  /// Closes up to `batch` of the remaining flows, those that opened up to `packet` only; returns
  /// whether it was the last ones.
  mutating func closeRemaining(atMost batch: Int, through packet: UInt64 = .max) -> Bool {
    var left = max(batch, 1)
    while left > 0, let next = remaining?.last, next.firstPacket <= packet,
      let flow = remaining?.popLast()
    {
      enter(EventOrder(.end, packet: flow.firstPacket))
      end(flow.place, .captureEnded, packet: flow.firstPacket)
      left -= 1
    }
    return remaining?.isEmpty ?? true
  }
}

/// Where a flow began, and its place in the table.
struct FlowOpening {
  var firstPacket: UInt64
  var place: Int
}
