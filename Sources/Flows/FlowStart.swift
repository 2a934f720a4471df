import Packets
import Terms

/// What the first packet of a flow tells: who began it and how.
struct FlowStart {
  /// Linux's ephemeral ports begin here; other systems' lie above.
  private static let ephemeralPorts: UInt16 = 32_768
  private static let wellKnownPorts: UInt16 = 1024

  let probe: FlowEvent.Probe
  /// The packet comes from the responder.
  var isReversed = false
  /// Silence of the target means something.
  var awaitsAnswer: Bool
  var state = FlowState()

  init(_ packet: UnsafePointer<Packet>) {
    probe = FlowEvent.Probe(packet)
    awaitsAnswer = Self.expectsAnswer(probe, packet)
    state.phase = .fresh
    guard packet.pointee.transport == .tcp, packet.pointee.transportOffset != 0 else { return }
    isReversed = Self.isFromResponder(probe, packet)
    state.hasHandshake = probe == .syn
    if isReversed {
      awaitsAnswer = false
      state.phase = .answered
      state.hasHandshake = packet.pointee.tcpFlags.isSuperset(of: [.syn, .ack])
    }
  }

  private static func expectsAnswer(_ probe: FlowEvent.Probe, _ packet: UnsafePointer<Packet>)
    -> Bool
  {
    switch probe {
    case .midstream, .otherTCP, .none: return false
    case .icmpOther: guard ICMPExchange.isQuery(packet.pointee) else { return false }
    default: break
    }
    guard !packet.pointee.targetMAC.isGroup else { return false }
    let target = packet.pointee.target
    return !target.isMulticast && !target.isLimitedBroadcast && target != .unspecified
  }

  /// Who sends SYN/ACK or RST/ACK answers. In the middle of a session the server has the lower
  /// port; a lone ACK or FIN/ACK is taken for a probe by its sender, unless the ports leave little
  /// doubt.
  private static func isFromResponder(_ probe: FlowEvent.Probe, _ packet: UnsafePointer<Packet>)
    -> Bool
  {
    let flags = packet.pointee.tcpFlags
    switch probe {
    case .midstream, .otherTCP:
      if flags.contains(.ack), flags.contains(.syn) || flags.contains(.reset) { return true }
      return packet.pointee.sourcePort < packet.pointee.targetPort
    case .ack, .maimon:
      let (source, target) = (packet.pointee.sourcePort, packet.pointee.targetPort)
      return source < wellKnownPorts && target >= ephemeralPorts
    default: return false
    }
  }
}

extension FlowEvent.Probe {
  /// How a flow begins whose first packet this is.
  init(_ packet: UnsafePointer<Packet>) {
    guard packet.pointee.transportOffset != 0 else {
      self = .ip
      return
    }
    switch packet.pointee.transport {
    case .tcp:
      let headerLength = packet.pointee.payloadOffset &- packet.pointee.transportOffset
      self.init(
        packet.pointee.tcpFlags, hasPayload: packet.pointee.statedPayloadLength > 0,
        hasOptions: headerLength > Self.plainHeader)
    case .udp: self = .udp
    case .icmp, .icmpv6: self = ICMPExchange.isEchoRequest(packet.pointee) ? .icmpEcho : .icmpOther
    case .sctp: self = packet.pointee.sctpChunk == 1 ? .sctpInit : .sctpOther
    default: self = .ip
    }
  }

  /// Bytes of a TCP header without options (RFC 9293, 3.1).
  private static let plainHeader: UInt16 = 20

  /// From the six classic control bits; ECE and CWR do not matter.
  ///
  /// A FIN/ACK with options ends a session unseen, as a host says when it wakes up or gives up on
  /// old connections: their timestamps (RFC 7323, 3.2) no scanner sends.
  private init(_ flags: TCPFlags, hasPayload: Bool, hasOptions: Bool) {
    let flags = flags.intersection([.fin, .syn, .reset, .push, .ack, .urgent])
    if flags.isSuperset(of: [.syn, .reset]) {
      self = .odd
    } else if flags.contains(.reset) {
      self = .otherTCP
    } else if flags.contains(.syn) {
      self = flags.contains(.ack) ? .midstream : flags.contains(.fin) ? .synFin : .syn
    } else if flags.contains(.ack) {
      if flags.isSuperset(of: [.fin, .push, .urgent]) {
        self = .otherTCP
      } else if hasPayload {
        self = .midstream
      } else {
        self =
          flags == .ack ? .ack : flags == [.fin, .ack] && !hasOptions ? .maimon : .midstream
      }
    } else {
      switch flags {
      case []: self = .null
      case .fin: self = .fin
      case [.fin, .push, .urgent]: self = .xmas
      default: self = .odd
      }
    }
  }
}
