import Analysis
import Flows
import Terms

extension FlowEvent: TimedEvent {
  public var eventTime: CaptureTime { time }
}

/// An engine that looks at flow events where they stand: for most of them, a copy would be dearer than
/// what they do with it.
protocol FlowReader: AnalysisEngine where Event == FlowEvent {}

extension FlowReader {
  mutating func analyse(_ event: FlowEvent, into sink: inout ReportSink) {
    withUnsafePointer(to: event) { analyse(at: $0, into: &sink) }
  }
}

extension FlowEvent {
  /// Whether the event tells of a flow's packets; others tell of packets beside.
  @inline(__always) var isOfFlow: Bool {
    switch kind {
    case .opened, .established, .refused, .unanswered, .progress, .closed: true
    case .arp, .fragmentOverlap, .lostFragments, .neighbour, .control, .stalled: false
    }
  }

  /// The contact that the flow attempts, as one number.
  @inline(__always) var contact: UInt64 {
    ContactMemory.hash(source, target, port: targetPort, transport: transport)
  }

  /// Whether the flow began with a packet that looks like a server's answer to a session unseen: a
  /// low port talking to an ephemeral one. Such flows come from captures that begin late and from
  /// expired flows, not from probes.
  @inline(__always) var looksLikeAnswer: Bool {
    if sourcePort < 1024, targetPort >= 1024 { return true }
    // A DHCP server speaks to its clients' port (RFC 2131, RFC 8415).
    return sourcePort == 67 && targetPort == 68 || sourcePort == 547 && targetPort == 546
  }

  /// Whether the packet is one of traceroute's: to its customary ports, and not meant to get far. Of
  /// TCP these are the web's, which no stack's own opening reaches with so little left.
  @inline(__always) var looksLikeTraceroute: Bool {
    if (33_434...33_625).contains(targetPort) { return timeToLive > 0 && timeToLive < 32 }
    return (targetPort == 80 || targetPort == 443) && transport == .tcp
      && timeToLive > 0 && timeToLive <= Self.tracedHops
  }

  /// Hops that traceroutes by TCP are told by.
  private static let tracedHops: UInt8 = 12

  /// Whether the flow is what a service reflects to whom it was asked in the name of: datagrams from
  /// its port, larger than any question.
  @inline(__always) var looksReflected: Bool {
    ReflectorService.holds(sourcePort)
      && payloadOut >= Self.reflectedPayload &* UInt64(max(totalPacketsOut, 1))
  }

  /// Least mean payload of what services reflect, in bytes; what scanners ask is shorter.
  private static let reflectedPayload: UInt64 = 120

  /// Whether datagrams are too large to be a scanner's questions, unless it fills them up.
  @inline(__always) var isBulk: Bool {
    payloadOut >= Self.bulkPayload &* UInt64(max(totalPacketsOut, 1))
  }

  /// Least mean payload of those, in bytes; the longest of nmap's (`nmap-payloads`) has 244.
  private static let bulkPayload: UInt64 = 320

  /// Whether the flow asks a host to show itself by ICMP: echo, timestamp or address mask request
  /// (RFC 792, RFC 950).
  @inline(__always) var isPing: Bool {
    probe == .icmpEcho
      || transport == .icmp && (targetPort >> 8 == 13 || targetPort >> 8 == 17)
  }

  /// Whether the flow's first packet is an attempt to reach a service.
  ///
  /// What looks like an answer is one all the same when the target refuses it: scanners choose low
  /// source ports to pass for servers.
  @inline(__always) var isAttempt: Bool {
    switch probe {
    case .syn: !looksLikeTraceroute
    case .null, .xmas, .synFin, .fin, .odd, .sctpInit: true
    case .ack, .maimon: !looksLikeAnswer || kind == .refused
    case .udp:
      (!looksLikeAnswer || kind == .refused) && !looksLikeTraceroute && !looksReflected
    // An association that began before the capture looks so too, but is answered.
    case .sctpOther: kind == .refused || kind == .unanswered
    // GRE, ESP and their like run one way for long: only many protocols make a scan.
    case .ip: kind == .refused || kind == .unanswered
    case .midstream, .otherTCP, .icmpEcho, .icmpOther, .none: false
    }
  }
}
