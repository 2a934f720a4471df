import Flows
import Packets
import Terms

/// Who says what to whom: what rules' heads and packet conditions look at.
struct Scene {
  var source = IPAddress.unspecified
  var destination = IPAddress.unspecified
  var sourcePort: UInt16 = 0
  var destinationPort: UInt16 = 0
  var isFromClient = true
  var isEstablished = false
  /// IP protocol number.
  var transport: UInt8 = 0
  /// `ApplicationProtocol.code`; 0 while nothing is known.
  var application: UInt8 = 0
  /// Version that a TLS handshake chose; 0 before.
  var tlsVersion: UInt16 = 0
  var place = 0
  var index: UInt64 = 0
  var time = CaptureTime.distantPast
  /// Octets of the stream so far, both ways.
  var clientBytes: UInt64 = 0
  var serverBytes: UInt64 = 0
  /// Headers of the packet at hand; invalid in a stream, where rules on headers do not look.
  var packet: UnsafePointer<Packet>?
  var headers = UnsafeRawBufferPointer(start: nil, count: 0)
  var payloadCount = 0

  init() {}

  /// Written field by field where it is kept: for each packet a copy would wait for its own parts.
  @inline(__always) init(_ inspected: borrowing InspectedPacket) {
    source = inspected.packet.pointee.source
    destination = inspected.packet.pointee.target
    sourcePort = inspected.isFromClient ? inspected.clientPort : inspected.serverPort
    destinationPort = inspected.isFromClient ? inspected.serverPort : inspected.clientPort
    isFromClient = inspected.isFromClient
    isEstablished = inspected.isEstablished
    transport = inspected.packet.pointee.transport.number
    place = inspected.place
    index = inspected.packet.pointee.index
    time = inspected.packet.pointee.time
    packet = inspected.packet
    headers = inspected.headers
    payloadCount = inspected.payload.count
  }

  var isICMP: Bool { transport == 1 || transport == 58 }
}

extension Scene {
  @inline(__always) func passes(_ test: PacketTest) -> Bool {
    switch test.subject {
    case .streamClient: return test.accepts(UInt32(clamping: clientBytes))
    case .streamServer: return test.accepts(UInt32(clamping: serverBytes))
    case .streamBoth:
      return test.accepts(UInt32(clamping: clientBytes))
        && test.accepts(UInt32(clamping: serverBytes))
    case .streamEither:
      return test.accepts(UInt32(clamping: clientBytes))
        || test.accepts(UInt32(clamping: serverBytes))
    case .ipProtocol: return test.accepts(UInt32(transport))
    case .sameAddress: return source == destination
    default: break
    }
    guard let packet else { return false }
    return Self.passes(test, packet, headers, payloadCount)
  }

  private static func passes(
    _ test: PacketTest, _ packet: UnsafePointer<Packet>, _ headers: UnsafeRawBufferPointer,
    _ payloadCount: Int
  ) -> Bool {
    let isTCP = packet.pointee.transport == .tcp
    let isICMP = packet.pointee.transport == .icmp || packet.pointee.transport == .icmpv6
    switch test.subject {
    case .dsize:
      return test.accepts(UInt32(max(payloadCount, Int(packet.pointee.statedPayloadLength))))
    case .ttl: return test.accepts(UInt32(packet.pointee.timeToLive))
    case .ipIdentifier: return test.accepts(packet.pointee.fragmentID)
    case .tcpFlags: return isTCP && test.accepts(flags: packet.pointee.tcpFlags.rawValue)
    case .sequence: return isTCP && test.accepts(packet.pointee.sequence)
    case .acknowledgement: return isTCP && test.accepts(packet.pointee.acknowledgement)
    case .window: return isTCP && test.accepts(UInt32(packet.pointee.window))
    case .icmpType: return isICMP && test.accepts(UInt32(packet.pointee.targetPort >> 8))
    case .icmpCode: return isICMP && test.accepts(UInt32(packet.pointee.targetPort & 0xff))
    case .icmpIdentifier: return isICMP && test.accepts(packet.pointee.sequence >> 16)
    case .icmpSequence: return isICMP && test.accepts(packet.pointee.sequence & 0xffff)
    default: return passesRaw(test, headers, isTCP: isTCP)
    }
  }

  /// What only the bytes of the headers tell.
  private static func passesRaw(
    _ test: PacketTest, _ headers: UnsafeRawBufferPointer, isTCP: Bool
  ) -> Bool {
    guard headers.count >= 20 else { return false }
    let isVersion4 = headers[0] >> 4 == 4
    let length = isVersion4 ? Int(headers[0] & 15) * 4 : 40
    switch test.subject {
    case .typeOfService:
      return test.accepts(
        UInt32(isVersion4 ? headers[1] : headers[0] << 4 | headers[1] >> 4))
    case .fragmentBits: return isVersion4 && test.accepts(flags: fragmentBits(headers[6]))
    case .fragmentOffset:
      return isVersion4 && test.accepts(UInt32(headers[6] & 0x1f) << 8 | UInt32(headers[7]))
    case .ipOption:
      return isVersion4 && length <= headers.count
        && hasOption(headers, 20..<max(length, 20), UInt8(truncatingIfNeeded: test.low))
    case .segmentSize:
      guard isTCP, let size = segmentSize(headers.dropFirst(length)) else { return false }
      return test.accepts(size)
    default: return false
    }
  }

  private static func fragmentBits(_ byte: UInt8) -> UInt8 {
    (byte & 0x20 != 0 ? 1 : 0) | (byte & 0x40 != 0 ? 2 : 0) | (byte & 0x80 != 0 ? 4 : 0)
  }

  private static func hasOption(
    _ headers: UnsafeRawBufferPointer, _ range: Range<Int>, _ wanted: UInt8
  ) -> Bool {
    if wanted == IPOption.any.rawValue { return !range.isEmpty }
    var at = range.lowerBound
    while at < range.upperBound {
      if headers[at] == wanted { return true }
      if headers[at] == 0 { return false }
      if headers[at] == 1 {
        at += 1
        continue
      }
      guard at + 1 < range.upperBound, headers[at + 1] >= 2 else { return false }
      at += Int(headers[at + 1])
    }
    return false
  }

  /// The MSS option of a TCP header.
  private static func segmentSize(_ header: Slice<UnsafeRawBufferPointer>) -> UInt32? {
    guard header.count > 20 else { return nil }
    let start = header.startIndex
    let end = min(header.endIndex, start + Int(header[start + 12] >> 4) * 4)
    var at = start + 20
    while at + 1 < end {
      if header[at] == 0 { return nil }
      if header[at] == 1 {
        at += 1
        continue
      }
      if header[at] == 2, at + 3 < end {
        return UInt32(header[at + 2]) << 8 | UInt32(header[at + 3])
      }
      guard header[at + 1] >= 2 else { return nil }
      at += Int(header[at + 1])
    }
    return nil
  }
}
