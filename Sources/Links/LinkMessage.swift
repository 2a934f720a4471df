import Monitoring
import Reports
import Terms

/// Everything that two ends of a link say to each other.
///
/// A child opens with `hello`, its parent answers with `welcome` or `refusal`; then batches and
/// heartbeats go up and acknowledgements come down. An operator needs no hello: each of its
/// requests has exactly one reply, in order.
public enum LinkMessage: Hashable, Sendable {
  case hello(Hello)
  case welcome(Welcome)
  case refusal(Refusal)
  case batch(Batch)
  /// Everything of the lane through this sequence is durable at the parent.
  case acknowledgement(LaneName, through: UInt64)
  /// Both directions: a child tells watermarks and losses, a parent that it is there.
  case heartbeat(Heartbeat)
  case goodbye(reason: String)
  case statusRequest
  case statusReply(MonitorStatus)
  /// Answered by `reportsReply`, as is the next.
  case reportsRequest(ReportsRequest)
  /// The newest revisions of these reports, own or received; `next` is then the place in the list
  /// from which to ask again.
  case lookupRequest([ReportID])
  case reportsReply(ReportsReply)
  /// Answered by `controlReply`, as are all the drill messages.
  case drillBegin(DrillBegin)
  case drillData(DrillData)
  /// The capture is complete; the lane may run to its end.
  case drillDataEnd(LaneName)
  /// The drill is over: release everything that belongs to it.
  case drillEnd(LaneName)
  case controlReply(ControlReply)
}

/// A child's opening words.
public struct Hello: Hashable, Sendable {
  public var protocolVersion: UInt32
  public var monitor: MonitorName
  public var tier: Tier
  /// Names the child's outbox: sequences of another outbox (a lost state directory) do not count.
  public var outbox: UInt64
  /// SHA-256 of the schema, hexadecimal, and of each kind (`Schema.digest`, `Schema.kindDigests`).
  public var schemaDigest: String
  public var kindDigests: [String: String]

  public init(
    protocolVersion: UInt32 = LinkLimit.protocolVersion, monitor: MonitorName, tier: Tier,
    outbox: UInt64 = 0, schemaDigest: String, kindDigests: [String: String]
  ) {
    self.protocolVersion = protocolVersion
    self.monitor = monitor
    self.tier = tier
    self.outbox = outbox
    self.schemaDigest = schemaDigest
    self.kindDigests = kindDigests
  }
}

/// A parent's consent.
public struct Welcome: Hashable, Sendable {
  public var monitor: MonitorName
  /// The newest durable sequence of each lane.
  public var positions: [LaneName: UInt64]

  public init(monitor: MonitorName, positions: [LaneName: UInt64]) {
    self.monitor = monitor
    self.positions = positions
  }
}

/// Why a link is refused, or cut.
public struct Refusal: Error, Hashable, Sendable {
  public enum Code: String, Hashable, Sendable, CaseIterable {
    /// The topology does not know the peer.
    case stranger
    /// The topology knows the peer, but not as a child of this monitor.
    case wrongParent
    case wrongSchema
    case wrongVersion
    /// Bytes that are no message, or a message that breaks a bound.
    case malformed
    /// A message that is not allowed here: before the hello, or from a peer of the other sort.
    case notPermitted
    /// More unacknowledged batches than the window.
    case windowExceeded
    /// A newer connection of the same child took over.
    case superseded
    /// Not now: starting, stopping, or too many connections.
    case busy
  }

  public var code: Code
  /// For the people at both ends: what was expected, what was found.
  public var detail: String

  public init(_ code: Code, _ detail: String) {
    self.code = code
    self.detail = detail
  }
}

extension Refusal: CustomStringConvertible {
  public var description: String { "\(code.rawValue): \(detail)" }
}

/// Reports of one lane, in order.
public struct Batch: Hashable, Sendable {
  public var lane: LaneName
  /// Ascending sequences, at most `LinkLimit.batchReports`.
  public var entries: [SequencedReport]
  /// The newest sequence that this batch covers; later than the last entry's when something was
  /// left out.
  public var through: UInt64
  /// No later report of the lane is emitted at or before this.
  public var watermark: CaptureTime

  public init(
    lane: LaneName, entries: [SequencedReport], through: UInt64, watermark: CaptureTime
  ) {
    self.lane = lane
    self.entries = entries
    self.through = through
    self.watermark = watermark
  }
}

public struct Heartbeat: Hashable, Sendable {
  /// What each lane's reports have reached; see `Batch.watermark`.
  public var watermarks: [LaneName: CaptureTime]
  /// Loss counters since the child's start, by name.
  public var losses: [String: UInt64]
  /// No child of the sender is alive: its watermarks stand still, and nobody should wait for them.
  public var isBlind: Bool

  public init(
    watermarks: [LaneName: CaptureTime] = [:], losses: [String: UInt64] = [:],
    isBlind: Bool = false
  ) {
    self.watermarks = watermarks
    self.losses = losses
    self.isBlind = isBlind
  }
}

/// Asks for own reports of a lane.
public struct ReportsRequest: Hashable, Sendable {
  public var lane: LaneName
  public var classes: Set<ReportClass>
  /// The `next` of the reply before; 0 to begin.
  public var after: UInt64
  /// At most `LinkLimit.replyReports`.
  public var limit: Int

  public init(
    lane: LaneName, classes: Set<ReportClass> = Set(ReportClass.allCases), after: UInt64 = 0,
    limit: Int = LinkLimit.replyReports
  ) {
    self.lane = lane
    self.classes = classes
    self.after = after
    self.limit = limit
  }
}

public struct ReportsReply: Hashable, Sendable {
  public var lane: LaneName
  public var entries: [SequencedReport]
  /// Ask again after this sequence; nil when there is nothing more now.
  public var next: UInt64?

  public init(lane: LaneName, entries: [SequencedReport], next: UInt64?) {
    self.lane = lane
    self.entries = entries
    self.next = next
  }
}

/// Opens a drill at one monitor.
public struct DrillBegin: Hashable, Sendable {
  public var lane: LaneName
  /// The name of the capture that will follow; nil above the local tier and for a silent segment.
  public var capture: String?
  /// Event seconds per host second; nil for as fast as possible.
  public var speed: Double?
  /// Added to the time of every packet.
  public var offset: TimeSpan

  public init(lane: LaneName, capture: String?, speed: Double?, offset: TimeSpan = .zero) {
    self.offset = offset
    self.lane = lane
    self.capture = capture
    self.speed = speed
  }
}

/// A piece of a drill's capture file.
public struct DrillData: Hashable, Sendable {
  public var lane: LaneName
  /// 0 for the first piece.
  public var sequence: UInt64
  /// At most `LinkLimit.drillBytes`.
  public var bytes: [UInt8]

  public init(lane: LaneName, sequence: UInt64, bytes: [UInt8]) {
    self.lane = lane
    self.sequence = sequence
    self.bytes = bytes
  }
}

public struct ControlReply: Hashable, Sendable {
  public var isOK: Bool
  public var text: String

  public init(isOK: Bool, text: String) {
    self.isOK = isOK
    self.text = text
  }
}

extension LinkMessage {
  /// What the message is called on the wire.
  public var name: String {
    switch self {
    case .hello: "hello"
    case .welcome: "welcome"
    case .refusal: "refusal"
    case .batch: "batch"
    case .acknowledgement: "acknowledgement"
    case .heartbeat: "heartbeat"
    case .goodbye: "goodbye"
    case .statusRequest: "status-request"
    case .statusReply: "status-reply"
    case .reportsRequest: "reports-request"
    case .lookupRequest: "lookup-request"
    case .reportsReply: "reports-reply"
    case .drillBegin: "drill-begin"
    case .drillData: "drill-data"
    case .drillDataEnd: "drill-data-end"
    case .drillEnd: "drill-end"
    case .controlReply: "control-reply"
    }
  }

  /// Whether an operator may send it.
  public var isRequest: Bool {
    switch self {
    case .statusRequest, .reportsRequest, .lookupRequest, .drillBegin, .drillData, .drillDataEnd,
      .drillEnd:
      true
    default: false
    }
  }
}
