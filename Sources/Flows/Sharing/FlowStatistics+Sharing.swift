extension FlowStatistics {
  /// Of engines that share a capture, without what their intake counts. The most flows at once may
  /// be less, where the engines had theirs at different times.
  static func + (left: FlowStatistics, right: FlowStatistics) -> FlowStatistics {
    var sum = left
    sum.ipPackets &+= right.ipPackets
    sum.arpPackets &+= right.arpPackets
    sum.otherFrames &+= right.otherFrames
    sum.strayEndings &+= right.strayEndings
    sum.flowsOpened &+= right.flowsOpened
    sum.evictedUnanswered &+= right.evictedUnanswered
    sum.evictedAnswered &+= right.evictedAnswered
    sum.evictedEstablished &+= right.evictedEstablished
    sum.refusedPackets &+= right.refusedPackets
    sum.judgedEarly &+= right.judgedEarly
    sum.flows += right.flows
    sum.peakFlows += right.peakFlows
    sum.checksums.add(right.checksums)
    sum.sessions.add(right.sessions)
    return sum
  }
}

extension ChecksumStatistics {
  fileprivate mutating func add(_ other: ChecksumStatistics) {
    right &+= other.right
    wrong &+= other.wrong
    refused &+= other.refused
  }
}

extension SessionStatistics {
  fileprivate mutating func add(_ other: SessionStatistics) {
    opened &+= other.opened
    evicted &+= other.evicted
    refused &+= other.refused
    unread &+= other.unread
    sessions += other.sessions
    peakSessions += other.peakSessions
    bytes += other.bytes
    gaps &+= other.gaps
    gapBytes &+= other.gapBytes
    droppedSegments &+= other.droppedSegments
    overlaps &+= other.overlaps
    foreignSegments &+= other.foreignSegments
    urgentBytes &+= other.urgentBytes
    revived &+= other.revived
  }
}
