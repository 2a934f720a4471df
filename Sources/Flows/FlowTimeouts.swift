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
  /// The sweep takes a step at every multiple of this, in nanoseconds, and comes round in
  /// `sweepSlices` steps.
  static let sweepStep: Int64 = 1_000_000_000
  static let sweepSlices: Int64 = 4

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

  init(limits: FlowLimits) {
    handshakeIdle = FlowClock.units(limits.handshakeIdle)
    establishedIdle = FlowClock.units(limits.establishedIdle)
    datagramIdle = FlowClock.units(limits.datagramIdle)
    icmpIdle = FlowClock.units(limits.icmpIdle)
    linger = FlowClock.units(limits.linger)
    // A place waits for one answer at a time; entries of flows that are gone make the oldest be
    // judged early.
    answers = DeadlineQueue(capacity: limits.capacity)
    progress = DeadlineQueue(capacity: limits.capacity)
    answerDelay = min(limits.answerLimit.nanoseconds, Int64(1) << 60)
  }

  var answersAreFull: Bool { answers.isFull }

  mutating func awaitAnswer(_ place: Int, stamp: UInt32, from now: Int64) {
    let deadline = now &+ answerDelay
    answers.append(.init(deadline: deadline, place: UInt32(place), stamp: stamp))
    next = min(next, deadline)
  }

  @inline(__always) mutating func awaitProgress(_ place: Int, from now: Int64) {
    let deadline = now &+ Self.progressDelay
    progress.append(.init(deadline: deadline, place: UInt32(truncatingIfNeeded: place), stamp: 0))
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
        judgeNextAnswer()
      } else if timeouts.progress.next == timeouts.next {
        tellNextProgress()
      } else {
        sweepSlice()
      }
      timeouts.findNext()
    }
    timeouts.clock = now
  }

  /// Judges the first contact that waited longest: unanswered, unless something came back or it is
  /// gone.
  mutating func judgeNextAnswer() {
    if let place = timeouts.answers.place(behindHead: 8) { table.prefetchFlow(place) }
    let entry = timeouts.answers.removeFirst()
    let place = Int(entry.place)
    let state = table.flows[place].state
    guard state.phase == .fresh, !state.isRefused else { return }
    let first = table.records[place].firstPacket
    guard UInt32(truncatingIfNeeded: first) == entry.stamp else { return }
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
    tellCounts(.progress, place, packet: table.records[place].firstPacket)
  }

  /// Ends the idle flows of one slice: blocks of 64 places, every fourth block.
  private mutating func sweepSlice() {
    let step = timeouts.sweep / FlowTimeouts.sweepStep
    let slice = Int(truncatingIfNeeded: step & (FlowTimeouts.sweepSlices - 1))
    let now = FlowClock.units(timeouts.sweep)
    let used = table.used
    var block = slice * 64
    while block < used {
      for place in block..<min(block + 64, used) where table.flows[place].state.phase != .free {
        let flow = table.flows + place
        if now &- flow.pointee.lastSeen >= timeouts.idleLimit(of: flow.pointee) {
          end(place, .idle, packet: table.records[place].firstPacket)
        }
      }
      block += 64 * Int(FlowTimeouts.sweepSlices)
    }
    sessions.sweep(
      at: CaptureTime(nanoseconds: timeouts.sweep), table.flows, table.records)
    timeouts.sweep = table.count == 0 ? .max : timeouts.sweep &+ FlowTimeouts.sweepStep
  }

  /// Judges first contacts as though the capture had gone on silently for as long as an answer may
  /// take.
  mutating func judgeRemaining() {
    while !timeouts.answers.isEmpty { runTimeouts(upTo: timeouts.answers.next) }
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

  /// Closes up to `batch` of the remaining flows; returns whether it was the last ones.
  mutating func closeRemaining(atMost batch: Int) -> Bool {
    var left = max(batch, 1)
    while left > 0, let flow = remaining?.popLast() {
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
