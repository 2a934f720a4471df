import Analysis
import Glibc
import Reports
import Terms

/// What was seen of one thing that a report may be about, whatever it is.
struct Sighting<Detail: Sendable>: Sendable {
  var first = CaptureTime.distantPast
  var last = CaptureTime.distantPast
  /// Observations in all, and the same fading with time.
  var count: UInt64 = 0
  var score = 0.0
  var sources = AddressSet()
  var targets = AddressSet()
  var packets = PacketSample()
  var detail: Detail
  var thread: ReportThread

  /// - Parameter fading: what the score so far is worth now: 0–1.
  @inline(__always) mutating func add(
    _ count: UInt64, packet: UInt64, at time: CaptureTime, fading: Double
  ) {
    if self.count == 0 { first = time } else { score *= fading }
    last = time
    self.count &+= count
    score += Double(count)
    packets.add(packet)
  }

  /// Observations per second while it went on.
  var rate: Double { Double(count) / max((last - first).seconds, 1) }
}

/// Sightings by subject, and when their reports are due; shared by the detectors whose evidence is
/// a count that fades.
struct SightingTable<Detail: Sendable>: Sendable {
  /// Event time for which each observation protects a subject's slot.
  static var holdPerCount: TimeSpan { .seconds(10) }

  private(set) var table: BoundedTable<Sighting<Detail>>
  private let empty: Sighting<Detail>
  private let halfLife: TimeSpan
  private let memory: TimeSpan
  private let quiet: TimeSpan
  private(set) var nextDeadline = CaptureTime.distantFuture

  /// - Parameters:
  ///   - halfLife: time after which an idle score has halved.
  ///   - memory: silence after which a subject begins anew, with a report of its own.
  ///   - quiet: silence after which the last revision is sent.
  ///   - spacing: least time between two revisions.
  init(
    capacity: Int, empty: Detail, halfLife: TimeSpan, memory: TimeSpan, quiet: TimeSpan,
    spacing: TimeSpan
  ) {
    self.empty = Sighting(detail: empty, thread: ReportThread(spacing: spacing))
    table = BoundedTable(capacity: capacity, empty: self.empty)
    self.halfLife = halfLife
    self.memory = memory
    self.quiet = quiet
  }

  var isEmpty: Bool { table.count == 0 }
  var losses: UInt64 { table.refusedCount }

  subscript(slot: Int) -> Sighting<Detail> {
    _read { yield table[slot] }
    _modify { yield &table[slot] }
  }

  @inline(__always) func find(_ key: TableKey) -> Int { table.find(key) }
  @inline(__always) func key(_ slot: Int) -> TableKey { table.key(slot) }

  /// Adds observations to a subject; its slot, or -1 when there is no room for it.
  mutating func note(_ key: TableKey, count: UInt64, packet: UInt64, at time: CaptureTime) -> Int {
    let slot = table.admit(key, asOf: time, until: time)
    guard slot >= 0 else { return -1 }
    if table[slot].count > 0, time - table[slot].last > memory { table[slot] = empty }
    let fading = table[slot].count > 0 ? fading(from: table[slot].last, to: time) : 1
    table[slot].add(count, packet: packet, at: time, fading: fading)
    let holds = Int64(min(table[slot].count &- min(count, 1), 360))
    table.keep(
      slot, until: time + min(memory, TimeSpan(nanoseconds: Self.holdPerCount.nanoseconds * holds)))
    return slot
  }

  /// What a score of `old` is worth at `now`: 0–1.
  func fading(from old: CaptureTime, to now: CaptureTime) -> Double {
    fading(from: old, to: now, halfLife: halfLife)
  }

  func fading(from old: CaptureTime, to now: CaptureTime, halfLife: TimeSpan) -> Double {
    let passed = max(now - old, .zero).seconds / halfLife.seconds
    // A straight line stands for the power where they hardly differ.
    return passed < 0.02 ? 1 - 0.693 * passed : exp2(-passed)
  }

  /// Whether a report of the slot is to be made now; `isTold` is the verdict.
  mutating func isDue(_ slot: Int, isTold: Bool, at now: CaptureTime) -> Bool {
    guard table[slot].thread.isOpen else { return isTold }
    if table[slot].thread.isDue(count: table[slot].count, at: now) { return true }
    nextDeadline = min(nextDeadline, now + quiet)
    return false
  }

  mutating func emit(
    _ report: Report, _ slot: Int, at now: CaptureTime,
    into sink: inout ReportSink
  ) {
    table[slot].thread.emit(report, count: table[slot].count, at: now, into: &sink)
    table.keep(slot, until: now + memory)
    nextDeadline = min(nextDeadline, now + quiet)
  }

  /// The slots whose last revision is due at `now`; sets the next deadline.
  mutating func ended(at now: CaptureTime) -> [Int] {
    var next = CaptureTime.distantFuture
    var ended: [Int] = []
    for slot in table.slots where table[slot].thread.isStale(count: table[slot].count) {
      let due = table[slot].thread.lastDue(after: table[slot].last, quiet: quiet)
      if due <= now { ended.append(slot) } else { next = min(next, due) }
    }
    nextDeadline = next
    return ended
  }
}
