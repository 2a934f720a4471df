import Packets
import Terms

/// The network that detection floors are measured in: four domains of four segments, a tap in each,
/// a dozen workstations and four servers behind it; everything else is outside.
struct FloorNetwork {
  static let domains = 4
  static let perDomain = 4
  static let segments = domains * perDomain
  /// The link to the outside is watched by a tap that is not part of the tree.
  static let perimeter = segments

  static let workstations: ClosedRange<UInt32> = 10...21
  static let servers: ClosedRange<UInt32> = 30...33
  /// What servers offer; everything else they refuse.
  static let services: Set<UInt16> = [80, 443, 22]

  static func prefix(_ segment: Int) -> IPPrefix {
    IPPrefix(address(segment, 0), length: 24)
  }

  static func name(_ segment: Int) -> String {
    segment == perimeter ? "internet" : "s\(segment / perDomain + 1)\(segment % perDomain + 1)"
  }

  static func address(_ segment: Int, _ host: UInt32) -> IPAddress {
    let domain = UInt32(segment / perDomain + 1)
    return IPAddress(v4: 10 << 24 | domain << 16 | UInt32(segment % perDomain + 1) << 8 | host)
  }

  /// The segment of an address; nil for one outside.
  static func segment(of address: IPAddress) -> Int? {
    let value = address.v4
    guard value >> 24 == 10 else { return nil }
    let domain = Int(value >> 16 & 255) - 1
    let place = Int(value >> 8 & 255) - 1
    guard (0..<domains).contains(domain), (0..<perDomain).contains(place) else { return nil }
    return domain * perDomain + place
  }

  /// Whether a host lives at the address.
  static func isAlive(_ address: IPAddress) -> Bool {
    guard segment(of: address) != nil else { return true }
    let host = address.v4 & 255
    return workstations.contains(host) || servers.contains(host)
  }

  static func offers(_ address: IPAddress, _ port: UInt16) -> Bool {
    guard segment(of: address) != nil else { return true }
    return servers.contains(address.v4 & 255) && services.contains(port)
  }
}

/// What the taps see, in order of time.
struct FloorTraffic {
  struct Frame {
    var time: CaptureTime
    var bytes: [UInt8]
  }

  static let start = CaptureTime(seconds: 1_700_000_000)

  /// By segment; the perimeter last.
  private(set) var frames = [[Frame]](repeating: [], count: FloorNetwork.segments + 1)

  /// Puts what was said into order.
  mutating func settle() {
    for tap in frames.indices { frames[tap].sort { $0.time < $1.time } }
  }

  /// A connection that is completed, with a request and an answer.
  mutating func talk(
    _ source: IPAddress, _ target: IPAddress, _ port: UInt16, from sourcePort: UInt16,
    at seconds: Double, request: String = "GET / HTTP/1.1\r\nHost: site\r\n\r\n",
    answer: String = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
  ) {
    let (asked, told) = (Array(request.utf8), Array(answer.utf8))
    var line = Line(source: source, target: target, sourcePort: sourcePort, port: port)
    add(line.out(.syn), seconds)
    add(line.back([.syn, .ack]), seconds + 0.01)
    add(line.out(.ack), seconds + 0.02)
    add(line.out([.ack, .push], asked), seconds + 0.03)
    add(line.back([.ack, .push], told), seconds + 0.05)
    add(line.out([.ack, .fin]), seconds + 0.07)
    add(line.back([.ack, .fin]), seconds + 0.08)
    add(line.out(.ack), seconds + 0.09)
  }

  /// One SYN, and what the network makes of it: silence, a refusal, or an open port that the prober
  /// lets go.
  mutating func probe(
    _ source: IPAddress, _ target: IPAddress, _ port: UInt16, from sourcePort: UInt16,
    at seconds: Double
  ) {
    var line = Line(source: source, target: target, sourcePort: sourcePort, port: port)
    add(line.out(.syn), seconds)
    guard FloorNetwork.isAlive(target) else { return }
    guard FloorNetwork.offers(target, port) else {
      add(line.back([.reset, .ack]), seconds + 0.01)
      return
    }
    add(line.back([.syn, .ack]), seconds + 0.01)
    add(line.out(.reset), seconds + 0.02)
  }

  /// A SYN that its sender leaves unanswered, as floods do.
  mutating func flood(
    _ source: IPAddress, _ target: IPAddress, _ port: UInt16, from sourcePort: UInt16,
    at seconds: Double, isAnswered: Bool
  ) {
    var line = Line(source: source, target: target, sourcePort: sourcePort, port: port)
    add(line.out(.syn), seconds)
    if isAnswered { add(line.back([.syn, .ack]), seconds + 0.01) }
  }

  private mutating func add(_ segment: Segment, _ seconds: Double) {
    let time = Self.start + .seconds(seconds)
    let source = FloorNetwork.segment(of: segment.source)
    let target = FloorNetwork.segment(of: segment.target)
    var taps: Set<Int> = []
    for side in [source, target] { taps.insert(side ?? FloorNetwork.perimeter) }
    for tap in taps { frames[tap].append(Frame(time: time, bytes: segment.frame(at: tap))) }
  }

  /// The two ends of a TCP connection.
  private struct Line {
    let source: IPAddress
    let target: IPAddress
    let sourcePort: UInt16
    let port: UInt16
    var sent: UInt32 = 1000
    var answered: UInt32 = 5000

    mutating func out(_ flags: TCPFlags, _ payload: [UInt8] = []) -> Segment {
      defer {
        sent &+= UInt32(payload.count) + (flags.contains(.syn) || flags.contains(.fin) ? 1 : 0)
      }
      return Segment(
        source: source, target: target, sourcePort: sourcePort, targetPort: port, sequence: sent,
        acknowledged: flags.contains(.ack) ? answered : 0, flags: flags, payload: payload)
    }

    mutating func back(_ flags: TCPFlags, _ payload: [UInt8] = []) -> Segment {
      defer {
        answered &+= UInt32(payload.count) + (flags.contains(.syn) || flags.contains(.fin) ? 1 : 0)
      }
      return Segment(
        source: target, target: source, sourcePort: port, targetPort: sourcePort,
        sequence: answered, acknowledged: sent, flags: flags, payload: payload)
    }
  }
}

/// One TCP segment over IPv4 and Ethernet, with right checksums.
private struct Segment {
  let source: IPAddress
  let target: IPAddress
  let sourcePort: UInt16
  let targetPort: UInt16
  let sequence: UInt32
  let acknowledged: UInt32
  let flags: TCPFlags
  let payload: [UInt8]

  /// As the tap of a segment sees it: hosts of other segments come by the router.
  func frame(at tap: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(60 + payload.count)
    bytes += hardware(target, at: tap) + hardware(source, at: tap) + [0x08, 0x00]
    var ip: [UInt8] = [0x45, 0]
    ip += Self.big(UInt16(40 + payload.count)) + [0, 1, 0x40, 0, 64, 6, 0, 0]
    ip += Self.big(source.v4) + Self.big(target.v4)
    Self.put(Self.sum(ip), at: 10, in: &ip)
    var tcp = Self.big(sourcePort) + Self.big(targetPort)
    tcp += Self.big(sequence) + Self.big(acknowledged) + [0x50, flags.rawValue, 0xff, 0xff]
    tcp += [0, 0, 0, 0] + payload
    let pseudo = Self.big(source.v4) + Self.big(target.v4) + [0, 6]
    Self.put(Self.sum(pseudo + Self.big(UInt16(tcp.count)) + tcp), at: 16, in: &tcp)
    bytes += ip + tcp
    while bytes.count < 60 { bytes.append(0) }
    return bytes
  }

  private func hardware(_ address: IPAddress, at tap: Int) -> [UInt8] {
    guard FloorNetwork.segment(of: address) == tap else {
      let isInside = FloorNetwork.segment(of: address) != nil
      return [2, 1, 0, 0, UInt8(tap), tap == FloorNetwork.perimeter && isInside ? 1 : 0]
    }
    return [2, 0] + Self.big(address.v4)
  }

  private static func big<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }

  private static func put(_ value: UInt16, at offset: Int, in bytes: inout [UInt8]) {
    bytes[offset] = UInt8(value >> 8)
    bytes[offset + 1] = UInt8(value & 255)
  }

  /// RFC 1071.
  private static func sum(_ bytes: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    for (index, byte) in bytes.enumerated() {
      sum &+= index.isMultiple(of: 2) ? UInt32(byte) << 8 : UInt32(byte)
    }
    while sum >> 16 != 0 { sum = sum & 0xffff &+ sum >> 16 }
    return ~UInt16(truncatingIfNeeded: sum)
  }
}
