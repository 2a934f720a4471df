import Reports
import Terms

/// The epochs that evidence is cut into, and when a tier has all of one.
enum EvidenceEpoch {
  /// Length of an epoch: what the local evidence engines use, aligned to 1970.
  static let length = TimeSpan.seconds(10)
  /// Evidence of an epoch may come this much after its end: every tier adds its own settling time.
  static let slack = TimeSpan.seconds(1)

  /// The same of logins and leases, which are few, and wanted before an incident is told.
  static let promptLength = TimeSpan.seconds(2)

  static func length(of kind: ReportKind) -> TimeSpan {
    kind == .logins || kind == .leases ? promptLength : length
  }

  /// The start of the epoch that a report emitted at `emitted` speaks of.
  static func start(emitted: CaptureTime, length: TimeSpan = length) -> CaptureTime {
    (emitted - slack).epochStart(length)
  }

  /// When a monitor of this tier may judge the epoch: every tier waits for the tiers beneath it.
  static func settled(
    _ start: CaptureTime, at tier: Tier, length: TimeSpan = length
  ) -> CaptureTime {
    start + length + TimeSpan.milliseconds(tier == .enterprise ? 100 : 20)
  }

  /// The epoch that a report emitted at `emitted` is judged with: its own, or, when that is settled
  /// already because a budget held the report back, the one running.
  static func pending(
    emitted: CaptureTime, at tier: Tier, length: TimeSpan = length
  ) -> CaptureTime {
    let own = start(emitted: emitted, length: length)
    return settled(own, at: tier, length: length) > emitted ? own : emitted.epochStart(length)
  }
}

/// A protocol and a port on it.
struct PortKey: Hashable, Comparable, Sendable, Codable {
  var transport: TransportProtocol
  var port: UInt16

  /// A number of its own.
  var bits: Int { Int(transport.number) << 16 | Int(port) }

  func _rawHashValue(seed: Int) -> Int {
    TableHash.of(UInt64(truncatingIfNeeded: bits), 0, seed: seed)
  }

  static func < (left: PortKey, right: PortKey) -> Bool {
    (left.transport, left.port) < (right.transport, right.port)
  }

  /// An ICMP message that is not a question: its sender tries nothing.
  var isAnswer: Bool {
    (transport == .icmp && port != 8 << 8) || (transport == .icmpv6 && port != 128 << 8)
  }
}
