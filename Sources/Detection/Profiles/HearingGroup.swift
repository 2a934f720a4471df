import Analysis
import Flows
import Reports
import Terms

/// The engines that hear reports, and the reports that wait to be heard.
struct HearingGroup: Sendable {
  private var group: EngineGroup<FlowEvent>
  /// Reports whose instant event time has not passed yet, in the order of `Report.precedes`.
  private var waiting: [Report] = []

  init(_ engines: [any AnalysisEngine<FlowEvent>]) { group = EngineGroup(engines) }

  var isEmpty: Bool { group.engines.isEmpty }
  var losses: UInt64 { group.losses }

  /// Takes events up to `now`, and all reports that the other engines emitted before it.
  ///
  /// - Parameter standing: of these events, if the others have just taken them.
  mutating func take(
    _ events: UnsafeBufferPointer<FlowEvent>, _ reports: [Report], until now: CaptureTime,
    standing: ClassStanding? = nil, into sink: inout ReportSink
  ) {
    if !reports.isEmpty {
      waiting += reports.filter { $0.reportClass == .detection }
      waiting.sort(by: Report.precedes)
    }
    var begin = 0
    var heard = 0
    while heard < waiting.count, waiting[heard].emitted < now {
      let report = waiting[heard]
      var end = begin
      while end < events.count, events[end].time <= report.emitted { end += 1 }
      deliver(events, begin..<end, into: &sink)
      group.hear(report, into: &sink)
      begin = end
      heard += 1
    }
    waiting.removeFirst(heard)
    guard begin > 0 || events.isEmpty else {
      return group.take(events, standing: standing, into: &sink)
    }
    deliver(events, begin..<events.count, into: &sink)
  }

  private mutating func deliver(
    _ events: UnsafeBufferPointer<FlowEvent>, _ range: Range<Int>, into sink: inout ReportSink
  ) {
    guard !range.isEmpty else { return }
    group.take(UnsafeBufferPointer(rebasing: events[range]), into: &sink)
  }

  mutating func runDeadlines(through time: CaptureTime, into sink: inout ReportSink) {
    group.runDeadlines(through: time, into: &sink)
  }
}

// MARK: - Learned state

/// An engine whose knowledge outlives the process.
protocol LearningEngine: AnalysisEngine where Event == FlowEvent {
  /// What its part of the file is called.
  var learnedName: String { get }
  func encode(into writer: inout StateWriter)
  mutating func restore(from reader: inout StateReader) throws(StateFault)
}

extension HearingGroup {
  /// `BERYLPRF`, version, number of parts, per part its name and bytes, checksum.
  private static let magic = Array("BERYLPRF".utf8)
  private static let version: UInt16 = 1
  private static let nameLimit = 64
  private static let partLimit = 1 << 28

  /// What the engines have learned, as the bytes of a file.
  func learned() -> [UInt8] {
    let learners = group.engines.compactMap { $0 as? any LearningEngine }
    var writer = StateWriter()
    for byte in Self.magic { writer.put(byte) }
    writer.put(Self.version)
    writer.put(UInt16(learners.count))
    for learner in learners {
      var part = StateWriter()
      learner.encode(into: &part)
      writer.put(Array(learner.learnedName.utf8))
      writer.put(part.bytes)
    }
    let sum = writer.bytes.fnv1a
    writer.put(sum)
    return writer.bytes
  }

  /// Takes up what `learned` gave, wholly or, at a fault, not at all.
  mutating func restore(_ bytes: [UInt8]) throws(StateFault) {
    let body = try Self.checked(bytes)
    var reader = StateReader(body, from: Self.magic.count + 2)
    var restored = group.engines
    for _ in 0..<(try reader.integer(UInt16.self)) {
      let name = String(decoding: try reader.bytes(atMost: Self.nameLimit), as: UTF8.self)
      let start = reader.offset + 4
      var part = StateReader(try reader.bytes(atMost: Self.partLimit))
      for index in restored.indices {
        guard let learner = restored[index] as? any LearningEngine, learner.learnedName == name
        else { continue }
        do throws(StateFault) {
          restored[index] = try Self.taught(learner, by: &part)
        } catch {
          throw StateFault("\(name): \(error.reason)", at: start + error.offset)
        }
      }
    }
    group = EngineGroup(restored)
  }

  private static func taught<Learner: LearningEngine>(
    _ learner: Learner, by part: inout StateReader
  ) throws(StateFault) -> any AnalysisEngine<FlowEvent> {
    var taught = learner
    try taught.restore(from: &part)
    guard part.isAtEnd else { throw part.fault("more than belongs there") }
    return taught
  }

  /// The bytes before the checksum, if it and the beginning are right.
  private static func checked(_ bytes: [UInt8]) throws(StateFault) -> [UInt8] {
    guard bytes.starts(with: magic) else { throw StateFault("not a file of profiles", at: 0) }
    var reader = StateReader(bytes, from: magic.count)
    let found = try reader.integer(UInt16.self)
    guard found == version else {
      throw StateFault("version \(found) where \(version) is known", at: magic.count)
    }
    guard bytes.count >= magic.count + 12 else {
      throw StateFault("the file ends early", at: bytes.count)
    }
    let body = Array(bytes.dropLast(8))
    var end = StateReader(bytes, from: body.count)
    guard try end.integer(UInt64.self) == body.fnv1a else {
      throw StateFault("the checksum does not fit: the file is damaged", at: body.count)
    }
    return body
  }
}
