import Packets
import Terms

/// What TCP, SCTP, ICMP and the others mean by a packet of a known flow.
extension FlowEngine {
  /// How far beyond the responder's initial sequence number an acknowledgement may lie that
  /// completes a handshake, in bytes: the third packet may be lost to the capture, and one in 4096
  /// blind guesses passes.
  private static let handshakeWindow: UInt32 = 1 << 20
  /// How far two directions of one capture may be out of order.
  private static let captureDisorder = TimeSpan.milliseconds(100)
  /// How far beyond what was seen, in bytes, a FIN or RST may lie.
  private static let endingSlack: UInt64 = 1 << 22

  @inline(__always) mutating func continueTCP(
    _ place: Int, _ direction: FlowDirection, _ packet: UnsafePointer<Packet>
  ) {
    let flow = table.flows + place
    let phase = flow.pointee.state.phase
    // Nearly every packet is one of an established flow without SYN, FIN or RST.
    if phase == .established, packet.pointee.tcpFlags.rawValue & 7 == 0 {
      if packet.pointee.window == 0, direction == .out {
        stall(place, packet: packet.pointee.index)
      }
      return
    }
    guard phase != .closed, packet.pointee.transportOffset != 0 else { return }
    changeTCP(place, direction, packet)
  }

  private mutating func changeTCP(
    _ place: Int, _ direction: FlowDirection, _ packet: UnsafePointer<Packet>
  ) {
    let flow = table.flows + place
    if packet.pointee.tcpFlags.rawValue & 5 != 0, !isPlausible(place, direction, packet) {
      counts.strayEndings &+= 1
      return
    }
    if packet.pointee.tcpFlags.contains(.reset) {
      if direction == .back, flow.pointee.state.phase != .established {
        refuse(place, packet: packet.pointee.index)
        close(place, .refused, packet: packet.pointee.index)
      } else {
        close(place, .reset, packet: packet.pointee.index)
      }
      return
    }
    switch direction {
    case .out:
      if packet.pointee.tcpFlags.contains(.fin) { flow.pointee.state.finishedOut = true }
      completeHandshake(place, packet)
    case .back:
      if packet.pointee.tcpFlags.contains(.fin) { flow.pointee.state.finishedBack = true }
      noteAnswer(place, packet)
    }
    if flow.pointee.state.finishedOut, flow.pointee.state.finishedBack {
      close(place, .finished, packet: packet.pointee.index)
    }
  }

  /// Whether the sequence number of a FIN or RST lies near what its sender has sent: a target takes
  /// no other (RFC 9293, 3.10.7.4; RFC 5961, 3). Generous, since the capture may have lost much.
  private func isPlausible(
    _ place: Int, _ direction: FlowDirection, _ packet: UnsafePointer<Packet>
  ) -> Bool {
    let flow = table.flows + place
    let record = table.records + place
    guard flow.pointee.state.phase == .established, flow.pointee.state.hasHandshake else {
      return true
    }
    let isOut = direction == .out
    let start = isOut ? record.pointee.originSequence : flow.pointee.answerSequence
    let sent =
      isOut
      ? record.pointee.payloadOut &+ UInt64(flow.pointee.payloadOut)
      : record.pointee.payloadIn &+ UInt64(flow.pointee.payloadIn)
    guard sent < 1 << 30 else { return true }
    let distance = packet.pointee.sequence &- start
    return UInt64(distance) <= sent &+ Self.endingSlack || distance >= 0 &- UInt32(Self.endingSlack)
  }

  /// The originator takes no more: said once.
  private mutating func stall(_ place: Int, packet: UInt64) {
    let record = table.records + place
    guard !record.pointee.hasStalled else { return }
    record.pointee.hasStalled = true
    tell(.stalled, place, packet: packet)
  }

  private mutating func completeHandshake(_ place: Int, _ packet: UnsafePointer<Packet>) {
    let flow = table.flows + place
    guard flow.pointee.state.phase == .answered else { return }
    if !flow.pointee.state.hasHandshake {
      establish(place, .answered, packet: packet.pointee.index)
    } else if packet.pointee.tcpFlags.contains(.ack),
      packet.pointee.acknowledgement &- flow.pointee.answerSequence &- 1 <= Self.handshakeWindow
    {
      establish(place, .proven, packet: packet.pointee.index)
    }
  }

  private mutating func noteAnswer(_ place: Int, _ packet: UnsafePointer<Packet>) {
    let flow = table.flows + place
    guard flow.pointee.state.phase == .fresh else {
      // A responder that answers again with another sequence number (SYN cookies, a reused port) is
      // believed.
      if flow.pointee.state.phase == .answered, packet.pointee.tcpFlags.contains(.syn) {
        flow.pointee.answerSequence = packet.pointee.sequence
      }
      return
    }
    guard flow.pointee.state.hasHandshake else {
      establish(place, .answered, packet: packet.pointee.index)
      return
    }
    flow.pointee.state.phase = .answered
    // Of several SYNs the answer names the one that counts: others may never have arrived.
    if packet.pointee.tcpFlags.isSuperset(of: [.syn, .ack]), table.records[place].probe == .syn {
      table.records[place].originSequence = packet.pointee.acknowledgement &- 1
    }
    flow.pointee.answerSequence =
      packet.pointee.tcpFlags.contains(.syn)
      ? packet.pointee.sequence : packet.pointee.sequence &- 1
  }

  /// Whether a TCP packet that is more than an ACK begins a new flow between the ports of an old
  /// one.
  mutating func reopens(
    _ place: Int, _ direction: FlowDirection, _ packet: UnsafePointer<Packet>
  ) -> Bool {
    let state = table.flows[place].state
    let flags = packet.pointee.tcpFlags
    if flags.contains(.syn), !flags.contains(.ack), !flags.contains(.reset), !flags.contains(.fin) {
      switch state.phase {
      case .closed: return !isRepeatedSYN(place, direction, packet)
      case .established where state.hasHandshake:
        guard state.finishedOut || state.finishedBack else { return false }
        return !isRepeatedSYN(place, direction, packet)
      case .fresh, .answered, .established: return !state.hasHandshake
      case .free: return false
      }
    }
    // Scans of several kinds from one port: each probe is a first contact.
    guard direction == .out, state.phase == .closed || state.phase == .fresh else { return false }
    let probe = FlowEvent.Probe(packet)
    switch (probe, table.records[place].probe) {
    case (.fin, let old), (.null, let old), (.xmas, let old), (.synFin, let old), (.odd, let old):
      return old != probe && Self.stealthProbes.contains(old)
    default: return false
    }
  }

  private static var stealthProbes: ProbeSet { [.fin, .null, .xmas, .synFin, .odd, .ack, .maimon] }

  private mutating func isRepeatedSYN(
    _ place: Int, _ direction: FlowDirection, _ packet: UnsafePointer<Packet>
  ) -> Bool {
    guard direction == .out, table.flows[place].state.hasHandshake else { return false }
    return packet.pointee.sequence == table.records[place].originSequence
  }

  @inline(__always) mutating func continueOther(
    _ place: Int, _ direction: FlowDirection, _ packet: UnsafePointer<Packet>
  ) {
    let flow = table.flows + place
    if packet.pointee.transport == .sctp { return continueSCTP(place, direction, packet) }
    if direction == .back, flow.pointee.state.phase == .fresh {
      establish(place, .answered, packet: packet.pointee.index)
    }
  }

  private mutating func continueSCTP(
    _ place: Int, _ direction: FlowDirection, _ packet: UnsafePointer<Packet>
  ) {
    let flow = table.flows + place
    guard flow.pointee.state.phase != .closed else { return }
    switch packet.pointee.sctpChunk {
    case SCTPChunk.abort:
      if direction == .back, flow.pointee.state.phase == .fresh {
        refuse(place, packet: packet.pointee.index)
        close(place, .refused, packet: packet.pointee.index)
      } else {
        close(place, .reset, packet: packet.pointee.index)
      }
    case SCTPChunk.shutdownComplete: close(place, .finished, packet: packet.pointee.index)
    default:
      if direction == .back, flow.pointee.state.phase == .fresh {
        establish(place, .answered, packet: packet.pointee.index)
      }
    }
  }

  /// Whether a packet other than TCP begins a new flow in the place of an old one: SCTP from a
  /// closed port, or an ICMP query from the side that so far was seen to reply.
  @inline(__always) mutating func reopensOther(
    _ place: Int, _ direction: FlowDirection, _ packet: UnsafePointer<Packet>
  ) -> Bool {
    switch packet.pointee.transport {
    case .sctp:
      guard packet.pointee.sctpChunk == SCTPChunk.initiation else { return false }
      return table.flows[place].state.phase == .closed
    case .icmp, .icmpv6:
      guard direction == .back, ICMPExchange.isQuery(packet.pointee) else { return false }
      // A capture of two directions may hold a reply just before its query: they belong together.
      let opened = table.records[place].opened
      return packet.pointee.time - opened > Self.captureDisorder
        || table.flows[place].state.phase != .fresh
    default: return false
    }
  }

  /// An ICMP unreachable came for a packet with this key.
  mutating func refuseQuoted(_ key: FlowKey, packet: UInt64) {
    let place = table.find(key, hash: table.hash(key))
    guard place >= 0, table.flows[place].direction(of: key) == .out else { return }
    let phase = table.flows[place].state.phase
    guard phase == .fresh || phase == .answered else { return }
    refuse(place, packet: packet)
    if table.flows[place].transport == TransportProtocol.tcp.number {
      close(place, .refused, packet: packet)
      timeouts.disturb(place)
    }
  }
}

/// Chunk types of SCTP (RFC 9260, 3.2).
private enum SCTPChunk {
  static let initiation: UInt8 = 1
  static let abort: UInt8 = 6
  static let shutdownComplete: UInt8 = 14
}

/// A set of probes in one word.
private struct ProbeSet: ExpressibleByArrayLiteral {
  private let bits: UInt32

  init(arrayLiteral probes: FlowEvent.Probe...) {
    bits = probes.reduce(0) { $0 | 1 << UInt32($1.rawValue) }
  }

  func contains(_ probe: FlowEvent.Probe) -> Bool { bits >> UInt32(probe.rawValue) & 1 != 0 }
}
