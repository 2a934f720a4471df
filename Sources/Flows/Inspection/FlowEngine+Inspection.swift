import Packets
import Terms

extension FlowEngine {
  /// Lets `inspector` see every packet of a flow and every TCP stream from now on.
  public mutating func attach(_ inspector: TrafficInspector) {
    self.inspector = Unmanaged.passUnretained(inspector)
    sessions.inspector = inspector
  }

  /// Shows the packet at `position` of the ring.
  ///
  /// - Returns: whether session parsers may read it too.
  func show(
    _ inspector: TrafficInspector, _ place: Int, _ direction: FlowDirection, _ position: Int
  ) -> Bool {
    let slot = ring.slots + position
    let flow = table.flows + place
    let transport = slot.pointee.packet.transport
    withUnsafePointer(to: &slot.pointee.packet) { packet in
      inspector.inspect(
        InspectedPacket(
          packet: packet, headers: ring.headers(position), payload: ring.payload(position),
          place: place, isFromClient: direction == .out,
          isEstablished: Self.isEstablished(flow, direction, packet), client: flow.pointee.source,
          server: flow.pointee.target, clientPort: flow.pointee.sourcePort,
          serverPort: flow.pointee.targetPort))
    }
    return transport == .tcp || transport == .udp
  }

  private static func isEstablished(
    _ flow: UnsafePointer<Flow>, _ direction: FlowDirection, _ packet: UnsafePointer<Packet>
  ) -> Bool {
    let phase = flow.pointee.state.phase
    if phase == .established { return true }
    guard packet.pointee.transport == .tcp else { return direction == .back }
    // The acknowledgement that completes a handshake may carry data; a session that began before the
    // capture has no handshake, but was no less established.
    return phase == .answered && direction == .out && packet.pointee.tcpFlags.contains(.ack)
      && !packet.pointee.tcpFlags.contains(.syn)
      || !flow.pointee.state.hasHandshake
        && packet.pointee.tcpFlags.contains(.ack) && packet.pointee.payloadLength > 0
  }
}

extension PacketRing {
  /// Bytes kept of the headers: Ethernet aside, the longest IPv4 and TCP headers together, or IPv6
  /// with some extensions.
  static let headerLimit = 128

  /// Keeps what only an inspector reads: headers, and payload of other transports than TCP and UDP.
  ///
  /// - Parameters:
  ///   - isFrame: `bytes` are a frame, not a datagram put together from fragments.
  ///   - lasts: see `keepPayload`.
  func keepForInspection(
    _ position: Int, of bytes: UnsafeRawBufferPointer, isFrame: Bool, lasts: Bool
  ) {
    let slot = slots + position
    let end = min(Int(slot.pointee.packet.payloadOffset), bytes.count)
    let start = Int(slot.pointee.packet.networkOffset)
    var count = 0
    if isFrame, start < end, let base = bytes.baseAddress {
      count = min(end - start, Self.headerLimit)
      if lasts {
        headerStarts[position] = (base + start).assumingMemoryBound(to: UInt8.self)
      } else {
        let room = headerBytes + position * Self.headerLimit
        UnsafeMutableRawPointer(room).copyMemory(from: base + start, byteCount: count)
        headerStarts[position] = UnsafePointer(room)
      }
    }
    headerCounts[position] = UInt8(truncatingIfNeeded: count)
    keepAnyPayload(position, of: bytes, lasts: lasts)
  }

  func headers(_ position: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: headerStarts[position], count: Int(headerCounts[position]))
  }
}
