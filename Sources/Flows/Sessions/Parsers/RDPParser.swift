/// The first packet of an RDP client; what follows is TLS or ciphered.
final class RDPParser: SessionParser {
  private static let packetLimit = 1024
  private static let userLimit = 128

  private var packet: [UInt8] = []

  init() { super.init(.rdp) }

  override var held: Int { packet.count }

  override func feed(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    guard direction == .out else { return true }
    packet.append(contentsOf: bytes.first(Self.packetLimit - packet.count))
    guard packet.count >= 4 else { return true }
    let length = min(Int(packet[2]) << 8 | Int(packet[3]), Self.packetLimit)
    guard packet.count >= length else { return true }
    output.tell(.rdp(Self.request(packet.prefix(max(length, 4)))))
    return false
  }

  private static func request(_ packet: ArraySlice<UInt8>) -> RDPRequest {
    var request = RDPRequest()
    // TPKT (4 bytes) and X.224 (7), then a cookie line, then a negotiation request.
    let body = packet.dropFirst(11)
    let line = body.prefix { $0 != 0x0d }
    if line.begins("cookie: mstshash=") {
      request.user = Array(line.dropFirst(17).prefix(userLimit))
    }
    let tail = packet.suffix(8)
    if tail.count == 8, tail[tail.startIndex] == 1, tail[tail.startIndex + 2] == 8 {
      request.protocols = tail.suffix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
    return request
  }
}
