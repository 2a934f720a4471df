import Packets
import Terms

/// The part of a flow that every packet touches: one cache line.
///
/// Counts are those since the last `progress`; totals stand in `FlowRecord`.
struct Flow: BitwiseCopyable {
  var source: IPAddress
  var target: IPAddress
  var sourcePort: UInt16
  var targetPort: UInt16
  var transport: UInt8
  var state: FlowState
  var packetsOut: UInt8 = 0
  var packetsIn: UInt8 = 0
  /// In units of `FlowClock`.
  var lastSeen: UInt32 = 0
  /// Initial sequence number of the responder, once it answered.
  var answerSequence: UInt32 = 0
  var bytesOut: UInt32 = 0
  var bytesIn: UInt32 = 0
  var payloadOut: UInt32 = 0
  var payloadIn: UInt32 = 0

  @inline(__always) init(_ key: FlowKey, isReversed: Bool, state: FlowState) {
    source = isReversed ? key.target : key.source
    target = isReversed ? key.source : key.target
    sourcePort = isReversed ? key.targetPort : key.sourcePort
    targetPort = isReversed ? key.sourcePort : key.targetPort
    transport = key.transport
    self.state = state
  }

  var key: FlowKey {
    FlowKey(
      source: source, target: target, sourcePort: sourcePort, targetPort: targetPort,
      transport: transport)
  }

  var pendingPackets: Int { Int(packetsOut) &+ Int(packetsIn) }

  /// Whether a packet with this key goes from originator to responder, or back; nil when it is
  /// another flow's.
  @inline(__always) func direction(of key: FlowKey) -> FlowDirection? {
    guard transport == key.transport, state.phase != .free else { return nil }
    if source == key.source, target == key.target, sourcePort == key.sourcePort,
      targetPort == key.targetPort
    {
      return .out
    }
    if source == key.target, target == key.source, sourcePort == key.targetPort,
      targetPort == key.sourcePort
    {
      return .back
    }
    return nil
  }
}

extension FlowKey {
  init(
    source: IPAddress, target: IPAddress, sourcePort: UInt16, targetPort: UInt16, transport: UInt8
  ) {
    self.source = source
    self.target = target
    self.sourcePort = sourcePort
    self.targetPort = targetPort
    self.transport = transport
  }
}

enum FlowDirection: BitwiseCopyable {
  /// From the originator.
  case out
  /// From the responder.
  case back
}

/// Phase and marks of a flow in one byte; all zero is a place never used.
struct FlowState: BitwiseCopyable {
  enum Phase: UInt8 {
    case free
    /// Only one side has spoken.
    case fresh
    /// TCP: the responder has spoken, the handshake is not complete.
    case answered
    case established
    /// Over; stragglers may come.
    case closed
  }

  var bits: UInt8 = 0

  @inline(__always) var phase: Phase {
    get { Phase(rawValue: bits & 7) ?? .free }
    set { bits = bits & ~7 | newValue.rawValue }
  }

  /// The originator, or the responder, sent FIN.
  var finishedOut: Bool {
    get { self[8] }
    set { self[8] = newValue }
  }
  var finishedBack: Bool {
    get { self[16] }
    set { self[16] = newValue }
  }
  /// `refused` was said of a flow that may still be answered.
  var isRefused: Bool {
    get { self[32] }
    set { self[32] = newValue }
  }
  /// The handshake was seen from SYN or SYN/ACK on, so its acknowledgement can be checked.
  var hasHandshake: Bool {
    get { self[64] }
    set { self[64] = newValue }
  }
  /// A `progress` is due for this place; survives the flow, so that a place waits in the queue once
  /// at most.
  @inline(__always) var isQueued: Bool {
    get { self[128] }
    set { self[128] = newValue }
  }

  @inline(__always) private subscript(mask: UInt8) -> Bool {
    get { bits & mask != 0 }
    set { bits = newValue ? bits | mask : bits & ~mask }
  }
}

/// The part of a flow that only its events need.
struct FlowRecord: BitwiseCopyable {
  var firstPacket: UInt64
  var opened: CaptureTime
  /// Hardware addresses in the low 48 bits; above them probe, ending and a mark, or time to live,
  /// two marks and what is known of checksums (see `ChecksumRules`).
  private var sourceWord: UInt64
  var targetWord: UInt64
  var payloadOut: UInt64 = 0
  var payloadIn: UInt64 = 0
  var packetsOut: UInt32 = 0
  var packetsIn: UInt32 = 0
  /// Initial sequence number of the originator.
  var originSequence: UInt32
  var vlan: UInt16
  /// What events call the target port: for ICMP with the code, which the key leaves out.
  var shownPort: UInt16

  @inline(__always)
  init(_ packet: UnsafePointer<Packet>, isReversed: Bool, probe: FlowEvent.Probe, shownPort: UInt16)
  {
    firstPacket = packet.pointee.index
    opened = packet.pointee.time
    let source = isReversed ? packet.pointee.targetMAC : packet.pointee.sourceMAC
    let target = isReversed ? packet.pointee.sourceMAC : packet.pointee.targetMAC
    sourceWord = source.bits & Self.addressMask | UInt64(probe.rawValue) &<< 48
    targetWord = target.bits & Self.addressMask | UInt64(packet.pointee.timeToLive) &<< 48
    if ICMPExchange.speaks(packet.pointee), ICMPExchange.query(answeredBy: packet.pointee) != nil {
      targetWord |= 1 &<< 57
    }
    originSequence = isReversed ? packet.pointee.acknowledgement &- 1 : packet.pointee.sequence
    vlan = packet.pointee.vlan
    self.shownPort = shownPort
  }

  private static let addressMask: UInt64 = 0xffff_ffff_ffff

  var sourceMAC: MACAddress { MACAddress(bits: sourceWord) }
  var targetMAC: MACAddress { MACAddress(bits: targetWord) }
  var timeToLive: UInt8 { UInt8(truncatingIfNeeded: targetWord &>> 48) }
  var probe: FlowEvent.Probe {
    FlowEvent.Probe(rawValue: UInt8(truncatingIfNeeded: sourceWord &>> 48)) ?? .none
  }
  var ending: FlowEvent.Ending {
    get { FlowEvent.Ending(rawValue: UInt8(truncatingIfNeeded: sourceWord &>> 56) & 0x7f) ?? .none }
    set { sourceWord = sourceWord & ~(0x7f &<< 56) | UInt64(newValue.rawValue) &<< 56 }
  }
  /// Whether a flow now closed had been established.
  var wasEstablished: Bool {
    get { targetWord &>> 56 & 1 != 0 }
    set { targetWord = targetWord & ~(1 &<< 56) | (newValue ? 1 : 0) &<< 56 }
  }
  /// Whether `stalled` was said of the flow.
  var hasStalled: Bool {
    get { sourceWord &>> 63 & 1 != 0 }
    set { sourceWord = sourceWord & ~(1 &<< 63) | (newValue ? 1 : 0) &<< 63 }
  }
  /// Whether the flow began with an ICMP reply, whose key has the identifier at the other end.
  var showsReply: Bool { targetWord &>> 57 & 1 != 0 }
}

/// The coarse clock of idle limits: units of 2^20 ns (about 1.05 ms) in 32 bits; differences hold
/// for 52 days.
enum FlowClock {
  @inline(__always) static func units(_ nanoseconds: Int64) -> UInt32 {
    UInt32(truncatingIfNeeded: nanoseconds &>> 20)
  }

  /// A unit is short of as many nanoseconds, so a time that many units ahead has not come.
  @inline(__always) static func nanoseconds(_ units: UInt32) -> Int64 {
    (Int64(units) &- 1) &<< 20
  }

  static func units(_ span: TimeSpan) -> UInt32 {
    UInt32(clamping: min(span.nanoseconds >> 20, Int64(UInt32.max / 2)))
  }
}
