import Terms

/// What bounds a `FlowEngine`: the memory it may take and how long it remembers.
public struct FlowLimits: Sendable, Hashable {
  public static let capacity = EngineLimit(
    "flows.capacity", 262_144, .count, "Flows held at once; each takes about 180 bytes.")
  public static let answer = EngineLimit(
    "flows.answer", 3, .duration, "How long a first contact may wait for an answer.")
  public static let handshakeIdle = EngineLimit(
    "flows.handshake-idle", 10, .duration, "Silence after which a half-open TCP flow is over.")
  public static let establishedIdle = EngineLimit(
    "flows.established-idle", 300, .duration,
    "Silence after which an established TCP flow is over.")
  public static let pressureIdle = EngineLimit(
    "flows.pressure-idle", 30, .duration,
    "Silence after which an established TCP flow gives way in a table full of such flows.")
  public static let datagramIdle = EngineLimit(
    "flows.datagram-idle", 60, .duration,
    "Silence after which a flow of UDP or another protocol is over.")
  public static let icmpIdle = EngineLimit(
    "flows.icmp-idle", 30, .duration, "Silence after which an ICMP flow is over.")
  public static let linger = EngineLimit(
    "flows.linger", 10, .duration, "How long a closed flow still takes in its stragglers.")
  public static let progress = EngineLimit(
    "flows.progress-packets", 64, .count, "Packets of a flow after which it is heard of again.")
  public static let datagrams = EngineLimit(
    "flows.fragmented-datagrams", 1024, .count, "Fragmented datagrams held at once.")
  public static let fragmentBytes = EngineLimit(
    "flows.fragment-bytes", 8_388_608, .count, "Fragment bytes held at once.")
  public static let fragmentShare = EngineLimit(
    "flows.fragment-share", 0.125, .ratio, "Share of both that one source may take.")
  public static let fragmentTimeout = EngineLimit(
    "flows.fragment-timeout", 30, .duration, "How long a datagram may wait for its fragments.")

  public static let all =
    [
      capacity, answer, handshakeIdle, establishedIdle, pressureIdle, datagramIdle, icmpIdle,
      linger,
      progress, datagrams, fragmentBytes, fragmentShare, fragmentTimeout,
    ] + SessionLimits.all

  public static let standard = FlowLimits(LimitTable())

  /// Most flows that a table can hold: an index slot has 20 bits for the entry.
  static let capacityCeiling = 1 << 20 - 1
  /// Most packets between two `progress` events: they are counted in a byte each way, their bytes
  /// in 32 bits.
  static let progressCeiling = 128

  /// Flows held at once.
  public var capacity: Int
  /// Event time after `opened` at which a flow without a packet from its target is `unanswered`.
  public var answerLimit: TimeSpan
  public var handshakeIdle: TimeSpan
  public var establishedIdle: TimeSpan
  public var pressureIdle: TimeSpan
  public var datagramIdle: TimeSpan
  public var icmpIdle: TimeSpan
  public var linger: TimeSpan
  public var progressPackets: Int
  public var datagrams: Int
  public var fragmentBytes: Int
  public var fragmentShare: Double
  public var fragmentTimeout: TimeSpan
  public var sessions: SessionLimits
  /// Keys the hash of the flow table. The fixed default makes runs reproducible; who watches a live
  /// interface should draw one at random, so that nobody can aim at one bucket. Only events of a
  /// crowded table depend on it.
  public var seed: UInt64 = 0x9e37_79b9_7f4a_7c15

  public init(_ table: LimitTable) {
    capacity = min(max(table.count(Self.capacity), 16), Self.capacityCeiling)
    answerLimit = table.span(Self.answer)
    handshakeIdle = table.span(Self.handshakeIdle)
    establishedIdle = table.span(Self.establishedIdle)
    pressureIdle = table.span(Self.pressureIdle)
    datagramIdle = table.span(Self.datagramIdle)
    icmpIdle = table.span(Self.icmpIdle)
    linger = table.span(Self.linger)
    progressPackets = min(max(table.count(Self.progress), 1), Self.progressCeiling)
    datagrams = min(max(table.count(Self.datagrams), 1), 65_536)
    fragmentBytes = max(table.count(Self.fragmentBytes), 65_536)
    fragmentShare = min(max(table[Self.fragmentShare], 0), 1)
    fragmentTimeout = table.span(Self.fragmentTimeout)
    sessions = SessionLimits(table)
  }
}
