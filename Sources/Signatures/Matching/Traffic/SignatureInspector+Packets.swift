import Flows
import Packets
import Terms

/// Single packets.
extension SignatureInspector {
  func inspectPacket(_ packet: borrowing InspectedPacket) {
    if isOfNoInterest(packet) { return }
    scene = Scene(packet)
    let transport = packet.packet.pointee.transport
    var isSealed = false
    let payload = packet.payload
    var segmentBytes = payload
    if transport == .tcp {
      segmentBytes = segment.begin(payload, in: scene)
      withTalk(scene.place) { talk in
        isSealed = talk.isSealed
        scene.application = talk.application
        scene.tlsVersion = talk.tlsVersion
        scene.clientBytes = talk.toServer.end
        scene.serverBytes = talk.toClient.end
        segmentBytes =
          scene.isFromClient
          ? beginSegment(payload, talk, talk.toServer) : beginSegment(payload, talk, talk.toClient)
      }
    } else if transport == .udp {
      scene.application = Self.datagramProtocol(packet)
    }
    beginCandidates()
    addPlain(transport, packet.packet.pointee)
    if !payload.isEmpty {
      switch transport {
      case .tcp where isSealed: break
      case .tcp: searchSegment(segmentBytes)
      case .udp: searchPayload(.datagram(toServer: scene.isFromClient), payload)
      case .icmp, .icmpv6: search(.icmp, payload)
      default: search(.other, payload)
      }
    }
    if candidateCount > 0 { judgePacket(payload) }
    if scene.application == Self.dnsCode, transport == .udp, scene.isFromClient {
      inspectQuery(payload, message: payload)
    }
  }

  /// Whether no rule can answer to the packet: a TCP packet without payload, of a flow and direction
  /// that was asked for before, with flags that no rule asks for. Not before there is a talk: the
  /// packet may set bytes free that begin one, and that takes its ends from the scene.
  @inline(__always) private func isOfNoInterest(_ packet: borrowing InspectedPacket) -> Bool {
    guard packet.payload.isEmpty, packet.packet.pointee.transport == .tcp,
      hasTalk(packet.place)
    else { return false }
    let bit: UInt8 = packet.isFromClient ? 1 : 2
    let flags = Int(packet.packet.pointee.tcpFlags.rawValue)
    return checked[packet.place] & bit != 0 && image.plain[PlainDraft.List.tcp + flags].isEmpty
  }

  /// The bytes to search of a packet that its stream may take up.
  private func beginSegment(
    _ payload: UnsafeRawBufferPointer, _ talk: Talk, _ window: StreamWindow
  ) -> UnsafeRawBufferPointer {
    guard !talk.isDone, !payload.isEmpty, window.end < Self.depth else {
      segment.drop()
      return payload
    }
    return segment.begin(payload, in: scene, behind: window)
  }

  private func judgePacket(_ payload: UnsafeRawBufferPointer) {
    present = 0
    partial = 0
    later = 0
    if !payload.isEmpty { show(Self.payloadCode, payload) }
    showHeaders()
    run.decoded.clear()
    judge()
  }

  @inline(__always) func show(_ code: Int, _ bytes: UnsafeRawBufferPointer) {
    buffers[code] = bytes
    present |= 1 &<< UInt64(code)
  }

  private func showHeaders() {
    let headers = scene.headers
    guard headers.count >= 20, let packet = scene.packet else { return }
    let length = headers[0] >> 4 == 4 ? Int(headers[0] & 15) * 4 : 40
    guard length <= headers.count else { return }
    let network = UnsafeRawBufferPointer(rebasing: headers[..<length])
    let rest = UnsafeRawBufferPointer(rebasing: headers[length...])
    show(headers[0] >> 4 == 4 ? Self.ipv4Code : Self.ipv6Code, network)
    switch packet.pointee.transport {
    case .tcp: show(Self.tcpCode, rest)
    case .udp: show(Self.udpCode, rest)
    case .icmp: show(StickyBuffer.icmpv4Header.code, rest)
    case .icmpv6: show(StickyBuffer.icmpv6Header.code, rest)
    default: break
    }
  }

  /// Rules without bytes to look for.
  private func addPlain(_ transport: TransportProtocol, _ packet: borrowing Packet) {
    switch transport {
    case .tcp: add(image.plain[PlainDraft.List.tcp + Int(packet.tcpFlags.rawValue)])
    case .udp: add(image.plain[PlainDraft.List.udp])
    case .icmp: add(image.plain[PlainDraft.List.icmpv4 + Int(packet.targetPort >> 8)])
    case .icmpv6: add(image.plain[PlainDraft.List.icmpv6 + Int(packet.targetPort >> 8)])
    default: add(image.plain[PlainDraft.List.other])
    }
    let bit: UInt8 = scene.isFromClient ? 1 : 2
    guard scene.place < Self.placeLimit, checked[scene.place] & bit == 0 else { return }
    checked[scene.place] |= bit
    add(image.plain[PlainDraft.List.flows])
    addByAddress(scene.source)
    addByAddress(scene.destination)
  }

  private func addByAddress(_ address: IPAddress) {
    if let rules = marks.rules(for: address) { add(rules) }
  }

  static var payloadCode: Int { StickyBuffer.payload.code }
  private static var ipv4Code: Int { StickyBuffer.ipv4Header.code }
  private static var ipv6Code: Int { StickyBuffer.ipv6Header.code }
  private static var tcpCode: Int { StickyBuffer.tcpHeader.code }
  private static var udpCode: Int { StickyBuffer.udpHeader.code }
  private static var queryCode: Int { StickyBuffer.dnsQuery.code }
  static var dnsCode: UInt8 { ApplicationProtocol.dns.code }

  /// By the ports; DNS elsewhere by its form.
  private static func datagramProtocol(_ packet: borrowing InspectedPacket) -> UInt8 {
    switch (packet.serverPort, packet.clientPort) {
    case (53, _), (_, 53), (5353, _), (5355, _):
      return packet.payload.count >= 12 ? dnsCode : 0
    case (67, _), (68, _): return ApplicationProtocol.dhcp.code
    case (123, _): return ApplicationProtocol.ntp.code
    case (161, _), (162, _): return ApplicationProtocol.snmp.code
    case (137, _): return 0
    default: return DNSNames.asks(packet.payload) ? dnsCode : 0
    }
  }

  /// The names that a DNS message asks for.
  func inspectQuery(_ payload: UnsafeRawBufferPointer, message: UnsafeRawBufferPointer) {
    let code = Self.queryCode
    DNSNames.forEach(message, in: names) { name in
      beginCandidates()
      search(
        .buffer(code, toServer: true),
        UnsafeRawBufferPointer(
          start: name.baseAddress.map { $0 - 1 }, count: name.count + 1))
      guard candidateCount > 0 else { return }
      present = 0
      partial = 0
      later = 0
      show(Self.payloadCode, payload)
      show(code, name)
      run.decoded.clear()
      judge()
    }
  }
}
