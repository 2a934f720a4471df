import Monitoring
import Reports
import Terms

@testable import Links

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

  mutating func number(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }
}

extension MonitorName {
  /// A name known to be good.
  static func of(_ text: String) -> MonitorName {
    guard let name = MonitorName(text) else { preconditionFailure("'\(text)' is no name") }
    return name
  }
}

let dmz = MonitorName.of("dmz")
let hq = MonitorName.of("hq")
let branch = MonitorName.of("branch")

let schema = Schema(
  attackVersion: "17.1",
  kinds: [
    .portScan: KindDefinition(
      reportClass: .detection, severity: 5, fields: ["technique": .text])
  ])

func report(_ sequence: UInt64, emitted: Int64, lane: LaneName = .live) -> SequencedReport {
  let time = CaptureTime(nanoseconds: emitted)
  var report = Report(
    id: ReportID(high: sequence, low: UInt64(lane.text.utf8.count)), kind: .portScan,
    reportClass: .detection, monitor: dmz, tier: .local, first: time, last: time, raised: time,
    emitted: time, severity: 5, confidence: 0.9)
  report.exercise = lane.exercise
  return SequencedReport(sequence: sequence, report: report)
}

func hello(schema: Schema = schema) -> Hello {
  Hello(
    monitor: dmz, tier: .local, schemaDigest: schema.digest, kindDigests: schema.kindDigests)
}

func uplinkConfiguration(_ parents: [MonitorName]) -> UplinkMachine.Configuration {
  UplinkMachine.Configuration(hello: hello(), parents: parents)
}

func downlinkConfiguration(
  _ monitor: MonitorName, children: Set<MonitorName> = [dmz]
) -> DownlinkMachine.Configuration {
  DownlinkMachine.Configuration(
    monitor: monitor, children: children, monitors: [dmz, hq, branch], schema: schema)
}

func ms(_ value: UInt64) -> HostTime { .milliseconds(value) }

extension UplinkMachine.Directive {
  /// One line of a ladder.
  var line: String {
    switch self {
    case .dial(let parent): "dial \(parent)"
    case .send(let message, let parent): "\(parent) <- \(message.line)"
    case .close(let parent, let reason): "close \(parent): \(reason)"
    case .load(let lane, let after, let limit): "load \(lane) after \(after), \(limit)"
    case .acknowledged(let lane, let through): "acknowledged \(lane) \(through)"
    case .ended(let lane): "ended \(lane)"
    case .linked(let parent): "linked \(parent)"
    case .unlinked(let parent, let reason): "unlinked \(parent): \(reason)"
    case .refused(let parent, let refusal): "refused by \(parent): \(refusal)"
    }
  }
}

extension LinkMessage {
  var line: String {
    switch self {
    case .batch(let batch):
      "batch \(batch.lane) \(batch.entries.map(\.sequence)) through \(batch.through), "
        + "watermark \(batch.watermark.nanoseconds)"
    case .heartbeat(let heartbeat):
      heartbeat.watermarks.sorted { $0.key < $1.key }
        .reduce("heartbeat") { $0 + " \($1.key)=\($1.value.nanoseconds)" }
    case .welcome: "welcome"
    case .refusal(let refusal): "refusal \(refusal.code.rawValue)"
    case .acknowledgement(let lane, let through): "acknowledgement \(lane) \(through)"
    case .goodbye(let reason): "goodbye: \(reason)"
    default: name
    }
  }
}
