import Packets

/// What a `FlowEngine` has seen, and every loss it had to take.
public struct FlowStatistics: Sendable {
  /// Frames taken, and their bytes on the wire.
  public var packets: UInt64 = 0
  public var bytes: UInt64 = 0
  /// Whole IP packets, reassembled datagrams included; ARP packets; frames that are neither.
  public var ipPackets: UInt64 = 0
  public var arpPackets: UInt64 = 0
  public var otherFrames: UInt64 = 0
  public var malformations = MalformationCounts()
  /// Frames whose time lay before that of an earlier frame: they were taken as if simultaneous with
  /// it.
  public var clampedTimes: UInt64 = 0
  /// Frames whose time lay more than a day ahead and was not confirmed by the next: taken likewise.
  public var doubtedTimes: UInt64 = 0

  public var checksums = ChecksumStatistics()
  /// RST and FIN with sequence numbers that no side of their connection would take: without effect.
  public var strayEndings: UInt64 = 0

  public var flowsOpened: UInt64 = 0
  /// Flows pushed out of a full table: unanswered or closed ones, and answered ones without a TCP
  /// handshake.
  public var evictedUnanswered: UInt64 = 0
  public var evictedAnswered: UInt64 = 0
  /// Silent TCP flows pushed out of a table full of established ones.
  public var evictedEstablished: UInt64 = 0
  /// Packets that would have opened a flow while every place was held by an established TCP flow:
  /// not analysed.
  public var refusedPackets: UInt64 = 0
  /// First contacts judged before `FlowLimits.answerLimit` because too many were waiting.
  public var judgedEarly: UInt64 = 0
  /// Flows in the table now (stragglers' places included), and the most so far.
  public var flows = 0
  public var peakFlows = 0

  public var fragments = FragmentStatistics()
  public var sessions = SessionStatistics()

  public init() {}
}

/// Checksums of TCP and UDP packets whose payload was read or whose flags change a flow.
public struct ChecksumStatistics: Sendable, Hashable {
  public var right: UInt64 = 0
  /// Wrong ones, most often because the capture was made on the sending host, and those among them
  /// (and fragments with a wrong header checksum) that were refused because their target refuses
  /// them too.
  public var wrong: UInt64 = 0
  public var refused: UInt64 = 0

  public init() {}
}

/// What became of IP fragments.
public struct FragmentStatistics: Sendable, Hashable {
  public var fragments: UInt64 = 0
  /// Datagrams put together.
  public var reassembled: UInt64 = 0
  /// Datagrams whose fragments overlap with different content or claim impossible offsets: given
  /// up.
  public var overlapping: UInt64 = 0
  /// Fragments that repeat what is there.
  public var duplicates: UInt64 = 0
  /// Datagrams that never became whole in time.
  public var timedOut: UInt64 = 0
  /// Datagrams pushed out, and fragments refused, because a limit was reached.
  public var evicted: UInt64 = 0
  public var refused: UInt64 = 0
  /// Fragments of a length no sound fragment has.
  public var malformed: UInt64 = 0

  public init() {}
}
