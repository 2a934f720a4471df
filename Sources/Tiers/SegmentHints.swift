import Flows
import Terms

/// What a capture lacks that a segment's traffic has: why few reports need not mean that all is
/// well.
enum SegmentHints {
  /// Pairs from which a capture of one direction can be told, and the share of answered ones that
  /// it stays below.
  private static let pairsNeeded = 10
  private static let oneWayShare = 0.1
  /// Share of frames that makes a hint.
  private static let muchShare = 0.2

  static func hints(_ census: SegmentCensus, _ statistics: FlowStatistics) -> [String] {
    guard census.frames > 0 else {
      return ["The capture is empty: no packet in it. Was the interface up, the filter too narrow?"]
    }
    return [
      unreadable(census), noIP(census), groupsOnly(census), oneWay(census), cut(census),
      backwards(census), checksums(statistics), merged(statistics),
    ].compactMap(\.self)
  }

  /// A share of all, or the number itself where that is less than 1 %.
  private static func percent(_ part: UInt64, of all: UInt64) -> String {
    let share = all == 0 ? 0 : Double(part) / Double(all)
    return share > 0 && share < 0.01 ? "\(part)" : "\(Int((share * 100).rounded())) %"
  }

  private static func unreadable(_ census: SegmentCensus) -> String? {
    guard census.unreadable > 0 else { return nil }
    return "\(census.unreadable) frames are of a link type that Beryl cannot read "
      + "(it reads Ethernet, raw IP, loopback and Linux cooked)."
  }

  private static func noIP(_ census: SegmentCensus) -> String? {
    guard census.ipPackets == 0, census.unreadable < census.frames else { return nil }
    return census.arpPackets > 0
      ? "No IP packet: only ARP and the like. Scans and attacks over IP cannot show here."
      : "No IP packet: nothing that the detectors read."
  }

  private static func groupsOnly(_ census: SegmentCensus) -> String? {
    guard census.ipPackets > 0, census.unicastFrames == 0 else { return nil }
    return "Every frame goes to a group: a port of a switch that mirrors nothing sees only these. "
      + "A segment needs a mirror port or a tap."
  }

  private static func oneWay(_ census: SegmentCensus) -> String? {
    let (all, both) = census.pairCounts
    guard all >= pairsNeeded, Double(both) < oneWayShare * Double(all) else { return nil }
    return
      "Of \(all) pairs of hosts that TCP was seen of, \(both) were heard both ways: the capture "
      + "may hold one direction only (or a flood). Guessing, sessions and answers need both."
  }

  private static func cut(_ census: SegmentCensus) -> String? {
    guard census.cutFrames > 0 else { return nil }
    let share = percent(census.cutFrames, of: census.frames)
    return "\(share) of the frames are cut, at \(census.snapLength) bytes: what is said in them "
      + "cannot be read. Capture whole frames (tcpdump -s 0)."
  }

  private static func backwards(_ census: SegmentCensus) -> String? {
    guard census.backwards > 0 else { return nil }
    return "Time goes backwards \(census.backwards) times: those frames count as simultaneous with "
      + "the newest before them. Merge captures in the order of time (mergecap)."
  }

  private static func checksums(_ statistics: FlowStatistics) -> String? {
    let checksums = statistics.checksums
    let all = checksums.right &+ checksums.wrong
    guard all > 20, Double(checksums.wrong) > muchShare * Double(all) else { return nil }
    return
      "\(percent(checksums.wrong, of: all)) of the checksums are wrong, \(checksums.refused) of "
      + "those packets were left out: the capture was made on a host whose adapter completes them."
  }

  private static func merged(_ statistics: FlowStatistics) -> String? {
    let refused = statistics.checksums.refused
    let strange = statistics.strayEndings &+ statistics.sessions.revived
    guard refused &+ strange &+ statistics.sessions.overlaps > 0 else { return nil }
    var parts: [String] = []
    if refused > 0 { parts.append("\(refused) packets with checksums that their target refuses") }
    if strange > 0 { parts.append("\(strange) ends of connections that ended nothing") }
    if statistics.sessions.overlaps > 0 {
      parts.append("\(statistics.sessions.overlaps) segments that contradict earlier ones")
    }
    return "Signs of evasion, or of a damaged line: " + parts.joined(separator: ", ") + "."
  }
}
