import Terms

/// What bounds the sessions of a `FlowEngine`.
public struct SessionLimits: Sendable, Hashable {
  public static let sessions = EngineLimit(
    "sessions.capacity", 16_384, .count, "TCP conversations whose payload is read at once.")
  public static let bytes = EngineLimit(
    "sessions.bytes", 33_554_432, .count, "Payload bytes held for all conversations together.")
  public static let segments = EngineLimit(
    "sessions.segments", 32, .count,
    "TCP segments of one direction that may wait for a lost one.")
  public static let gap = EngineLimit(
    "sessions.gap", 2, .duration, "How long TCP segments wait for a lost one.")

  public static let all = [sessions, bytes, segments, gap]
  public static let standard = SessionLimits(LimitTable())

  public var sessions: Int
  public var bytes: Int
  public var segments: Int
  public var gap: TimeSpan

  public init(_ table: LimitTable) {
    sessions = min(max(table.count(Self.sessions), 16), 1 << 20)
    bytes = max(table.count(Self.bytes), 1 << 20)
    segments = min(max(table.count(Self.segments), 1), 1024)
    gap = table.span(Self.gap)
  }
}
