/// What the sessions had to give up.
public struct SessionStatistics: Sendable, Hashable {
  /// Conversations read, those pushed out by others, and those that found no place.
  public var opened: UInt64 = 0
  public var evicted: UInt64 = 0
  public var refused: UInt64 = 0
  /// Conversations without a handshake, and datagrams of unknown protocols, that were not read
  /// because there were too many in one second.
  public var unread: UInt64 = 0
  /// Conversations now, and the most so far.
  public var sessions = 0
  public var peakSessions = 0
  /// Payload bytes held now.
  public var bytes = 0
  /// Lost stretches that were skipped, and their bytes.
  public var gaps: UInt64 = 0
  public var gapBytes: UInt64 = 0
  /// Segments dropped because a limit was reached.
  public var droppedSegments: UInt64 = 0
  /// Segments that contradicted earlier ones.
  public var overlaps: UInt64 = 0

  /// Segments of another VLAN than their conversation's: not read.
  public var foreignSegments: UInt64 = 0
  /// Urgent bytes, which most programs never see: left out.
  public var urgentBytes: UInt64 = 0
  /// Conversations that went on after a RST.
  public var revived: UInt64 = 0

  public init() {}
}
