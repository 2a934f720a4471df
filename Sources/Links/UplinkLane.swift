import DequeModule
import Monitoring
import Reports
import Terms

/// One lane's way up: unacknowledged reports in order, as far as they fit in memory, and what may
/// be promised.
struct UplinkLane: Sendable {
  /// A run of reports that is only in the store, with the least `emitted` among them.
  private struct SpilledRun {
    var through: UInt64
    var count: Int
    var least: CaptureTime
    /// Left behind by an earlier run: its least time is only known as far as it was loaded.
    var isInherited = false
  }

  /// Runs kept apart before neighbours are joined.
  private static let runLimit = 64

  /// How much of a lane is held in memory.
  struct Memory: Sendable, Hashable {
    var queueReports = LinkLimit.queueReports
    var loadReports = LinkLimit.loadReports
  }

  let name: LaneName
  private let memory: Memory
  private(set) var acknowledged: UInt64
  private(set) var newest: UInt64
  /// Unacknowledged reports; the first `sentCount` of them were sent on the link in use.
  private var queue = Deque<SequencedReport>()
  private var sentCount = 0
  private var unsentLeast = LeastEmitted()
  private var spilled: [SpilledRun] = []
  /// What the pending `load` was asked for.
  private var loadingThrough: UInt64?
  /// Everything through here was sent, or left out, on the link in use.
  private var sentThrough: UInt64
  var watermark = CaptureTime.distantPast
  /// The watermark that the parent was last told.
  var toldWatermark = CaptureTime.distantPast
  var isClosed = false
  /// The empty last batch of a closed lane is on its way.
  var isEndSent = false
  /// Batches of this lane without acknowledgement.
  var inFlight = 0
  /// Reports too long to travel.
  private(set) var oversized: UInt64 = 0
  private(set) var sent: UInt64 = 0

  init(name: LaneName, acknowledged: UInt64 = 0, newest: UInt64 = 0, memory: Memory = Memory()) {
    self.name = name
    self.memory = memory
    self.acknowledged = acknowledged
    self.newest = max(newest, acknowledged)
    sentThrough = acknowledged
    if newest > acknowledged {
      spilled = [
        SpilledRun(
          through: newest, count: memory.loadReports, least: .distantPast, isInherited: true)
      ]
    }
  }

  /// Reports without acknowledgement, as far as this side can count them.
  var depth: UInt64 { newest - acknowledged }
  var unsentCount: Int { queue.count - sentCount }
  var isDrained: Bool { queue.isEmpty && spilled.isEmpty }
  /// The highest watermark that keeps the promise: below every report not sent yet.
  var promise: CaptureTime {
    let least = min(
      unsentLeast.value, spilled.reduce(.distantFuture) { min($0, $1.least) })
    guard least <= watermark, least < .distantFuture else { return watermark }
    return least - TimeSpan(nanoseconds: 1)
  }

  mutating func append(_ entries: [SequencedReport]) {
    for entry in entries where entry.sequence > newest {
      newest = entry.sequence
      if spilled.isEmpty, queue.count < memory.queueReports {
        enqueue(entry)
      } else {
        spill(entry)
      }
    }
  }

  /// Takes what the store gave for the pending load.
  mutating func loaded(_ entries: [SequencedReport]) {
    guard let asked = loadingThrough else { return }
    loadingThrough = nil
    let start = queue.last?.sequence ?? acknowledged
    let fresh = entries.filter { $0.sequence > start && $0.sequence <= newest }
    for entry in fresh { enqueue(entry) }
    let isLast = entries.count < memory.loadReports
    let reached = isLast ? asked : entries.last?.sequence ?? asked
    spilled.removeAll { $0.through <= reached }
    // An outbox is in order of `emitted`: the rest is not older than what was loaded last.
    if let last = fresh.last, !spilled.isEmpty, spilled[0].isInherited {
      spilled[0].least = last.report.emitted
    }
  }

  /// What to ask the store for, when the queue runs low and more lies there.
  mutating func loadRequest() -> (after: UInt64, limit: Int)? {
    guard let last = spilled.last, loadingThrough == nil,
      queue.count <= memory.queueReports - memory.loadReports
    else { return nil }
    loadingThrough = last.through
    return (queue.last?.sequence ?? acknowledged, memory.loadReports)
  }

  /// The next batch; nil when there is nothing to send, or too little while another is on its way.
  /// Entries that `wants` turns away are passed over: the batch's `through` covers them.
  mutating func nextBatch(wants: (@Sendable (Report) -> Bool)? = nil) -> Batch? {
    let isFull = unsentCount >= LinkLimit.batchReports
    guard unsentCount > 0, isFull || inFlight == 0 else { return nil }
    var entries: [SequencedReport] = []
    entries.reserveCapacity(min(unsentCount, LinkLimit.batchReports))
    var bytes = 0
    while sentCount < queue.count, entries.count < LinkLimit.batchReports,
      bytes < LinkLimit.batchBytes
    {
      let entry = queue[sentCount]
      let isWanted = wants?(entry.report) ?? true
      let size = isWanted ? ReportCoding.sizeEstimate(entry.report) : 0
      if !isWanted {
        // Passed over.
      } else if size > LinkLimit.reportBytes {
        oversized += 1
      } else if bytes + size > LinkLimit.reportBytes {
        break
      } else {
        entries.append(entry)
        bytes += size
      }
      sentThrough = entry.sequence
      sentCount += 1
      unsentLeast.removeFirst(entry.sequence)
    }
    inFlight += 1
    sent += UInt64(entries.count)
    toldWatermark = max(toldWatermark, promise)
    return Batch(lane: name, entries: entries, through: sentThrough, watermark: toldWatermark)
  }

  /// The last batch of a closed lane, once everything before it is acknowledged.
  mutating func endBatch() -> Batch? {
    guard isClosed, isDrained, inFlight == 0, !isEndSent, loadingThrough == nil else { return nil }
    isEndSent = true
    inFlight += 1
    toldWatermark = .distantFuture
    return Batch(lane: name, entries: [], through: newest, watermark: .distantFuture)
  }

  /// The parent has everything through `sequence`; false when that is no news.
  mutating func acknowledge(through sequence: UInt64) -> Bool {
    guard sequence > acknowledged else { return false }
    acknowledged = sequence
    while let first = queue.first, first.sequence <= sequence {
      queue.removeFirst()
      if sentCount > 0 { sentCount -= 1 } else { unsentLeast.removeFirst(first.sequence) }
    }
    if queue.isEmpty { spilled.removeAll { $0.through <= sequence } }
    return true
  }

  /// A new link: everything unacknowledged is to be sent again.
  mutating func restart(position: UInt64) -> Bool {
    let isNews = acknowledge(through: min(position, newest))
    sentCount = 0
    sentThrough = acknowledged
    inFlight = 0
    isEndSent = false
    toldWatermark = .distantPast
    unsentLeast = LeastEmitted()
    for entry in queue { unsentLeast.append(entry.sequence, entry.report.emitted) }
    return isNews
  }

  private mutating func enqueue(_ entry: SequencedReport) {
    queue.append(entry)
    unsentLeast.append(entry.sequence, entry.report.emitted)
  }

  private mutating func spill(_ entry: SequencedReport) {
    let emitted = entry.report.emitted
    if let last = spilled.indices.last, spilled[last].count < memory.loadReports {
      spilled[last].through = entry.sequence
      spilled[last].count += 1
      spilled[last].least = min(spilled[last].least, emitted)
      return
    }
    spilled.append(SpilledRun(through: entry.sequence, count: 1, least: emitted))
    guard spilled.count > Self.runLimit else { return }
    // Joining two neighbours keeps the promise and only makes it coarser.
    let pair =
      spilled.indices.dropFirst().dropLast().min { spilled[$0].count < spilled[$1].count } ?? 0
    spilled[pair].through = spilled[pair + 1].through
    spilled[pair].count += spilled[pair + 1].count
    spilled[pair].least = min(spilled[pair].least, spilled[pair + 1].least)
    spilled[pair].isInherited = false
    spilled.remove(at: pair + 1)
  }
}

/// The least `emitted` of a queue, in amortised constant time (a monotone deque).
struct LeastEmitted: Sendable {
  private var minima = Deque<(sequence: UInt64, emitted: CaptureTime)>()

  var value: CaptureTime { minima.first?.emitted ?? .distantFuture }

  mutating func append(_ sequence: UInt64, _ emitted: CaptureTime) {
    while let last = minima.last, last.emitted >= emitted { minima.removeLast() }
    minima.append((sequence, emitted))
  }

  mutating func removeFirst(_ sequence: UInt64) {
    if let first = minima.first, first.sequence <= sequence { minima.removeFirst() }
  }
}
