import Terms

/// The Internet checksum (RFC 1071): the ones' complement sum of 16-bit words.
///
/// Sums are kept in the byte order of memory, which the ones' complement sum does not mind (RFC
/// 1071, 2 B); a sound packet sums up to 0xffff in any order.
public enum InternetChecksum {
  /// The sum of `count` bytes, folded to 16 bits; an odd last byte is padded with zero.
  ///
  /// Four lanes of 64 bits each take two words of 32 bits a round: a few carries can never
  /// overflow them in 64 KiB.
  @inline(__always) public static func sum(_ base: UnsafeRawPointer, _ count: Int) -> UInt16 {
    fold(total(base, count))
  }

  /// The same before it is folded.
  @inline(__always) static func total(_ base: UnsafeRawPointer, _ count: Int) -> UInt64 {
    var total: UInt64 = 0
    var at = 0
    if count >= 64 {
      let low = SIMD4<UInt64>(repeating: 0xffff_ffff)
      let shift = SIMD4<UInt64>(repeating: 32)
      var lanes = SIMD4<UInt64>()
      while at &+ 32 <= count {
        let words = base.loadUnaligned(fromByteOffset: at, as: SIMD4<UInt64>.self)
        lanes &+= (words & low) &+ (words &>> shift)
        at &+= 32
      }
      total = lanes[0] &+ lanes[1] &+ lanes[2] &+ lanes[3]
    }
    while at &+ 8 <= count {
      let word = base.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      total &+= (word & 0xffff_ffff) &+ (word &>> 32)
      at &+= 8
    }
    if at &+ 4 <= count {
      total &+= UInt64(base.loadUnaligned(fromByteOffset: at, as: UInt32.self))
      at &+= 4
    }
    if at &+ 2 <= count {
      total &+= UInt64(base.loadUnaligned(fromByteOffset: at, as: UInt16.self))
      at &+= 2
    }
    if at < count {
      let last = UInt16(base.load(fromByteOffset: at, as: UInt8.self))
      total &+= UInt64(last.littleEndian)
    }
    return total
  }

  /// Adds carries back in until 16 bits are left.
  @inline(__always) public static func fold(_ sum: UInt64) -> UInt16 {
    var rest = (sum & 0xffff_ffff) &+ (sum &>> 32)
    rest = (rest & 0xffff) &+ (rest &>> 16)
    rest = (rest & 0xffff) &+ (rest &>> 16)
    rest = (rest & 0xffff) &+ (rest &>> 16)
    return UInt16(truncatingIfNeeded: rest)
  }
}

/// What the headers of a TCP or UDP packet say of its checksum, before its payload is looked at:
/// the headers are at hand when a packet is decoded, whether anybody wants the payload is known
/// later.
@frozen public struct ChecksumPart: BitwiseCopyable, Sendable {
  @frozen public enum Standing: UInt8, BitwiseCopyable, Sendable {
    /// Nothing can be said: not TCP or UDP, no checksum, cut by the snap length.
    case absent
    /// `sum` and the payload's sum decide.
    case pending
    /// The IPv4 header's own checksum is wrong: no router or host takes the packet.
    case broken
  }

  /// Sum of pseudo-header and transport header, folded.
  public var sum: UInt16 = 0
  public var standing = Standing.absent
  /// The field holds the sum of the pseudo-header, which a host leaves there for its adapter to
  /// complete, or writes when it has merged received segments.
  public var isHalfway = false

  @inlinable public init() {}

  /// - Parameters:
  ///   - packet: as decoded.
  ///   - bytes: what it was decoded from.
  ///   - start: where in `bytes` the transport header begins.
  ///   - network: where the IP header begins; nil for a datagram put together from fragments.
  public init(
    _ packet: UnsafePointer<Packet>, _ bytes: UnsafeRawBufferPointer, start: Int, network: Int?
  ) {
    self.init()
    let isTCP = packet.pointee.transport == .tcp
    let isUDP = packet.pointee.transport == .udp
    let payload = Int(packet.pointee.payloadOffset)
    guard isTCP || isUDP, packet.pointee.hasTransport, let base = bytes.baseAddress,
      packet.pointee.payloadLength == packet.pointee.statedPayloadLength, start &+ 8 <= payload,
      payload <= bytes.count
    else { return }
    let (source, target) = (packet.pointee.source, packet.pointee.target)
    let isIPv4 = source.isIPv4 && target.isIPv4
    standing = .pending
    if let network, !check(base, from: network, to: start, isIPv4: isIPv4) { return }
    let field = base.loadUnaligned(
      fromByteOffset: start &+ (isTCP ? 16 : 6), as: UInt16.self)
    if !isTCP, field == 0 {
      standing = .absent
      return
    }
    let header = payload &- start
    let length = UInt32(truncatingIfNeeded: header &+ Int(packet.pointee.payloadLength))
    var pseudo =
      UInt64(length.bigEndian) &+ UInt64(UInt16(packet.pointee.transport.number).bigEndian)
    pseudo &+= Self.halves(source, isIPv4) &+ Self.halves(target, isIPv4)
    let folded = InternetChecksum.fold(pseudo)
    isHalfway = field == folded
    sum = InternetChecksum.fold(UInt64(folded) &+ InternetChecksum.total(base + start, header))
  }

  /// Whether the packet with this payload is as it was sent.
  @inline(__always) public func isRight(with payload: UnsafeRawBufferPointer) -> Bool {
    guard standing == .pending else { return standing == .absent }
    guard let base = payload.baseAddress, payload.count > 0 else { return sum == 0xffff }
    let whole = UInt64(sum) &+ InternetChecksum.total(base, payload.count)
    return InternetChecksum.fold(whole) == 0xffff
  }

  /// Whether the checksum of an IPv4 header is wrong; 0 is left to an adapter and says nothing.
  @inline(__always) public static func isBroken(ipv4 base: UnsafeRawPointer, count: Int) -> Bool {
    InternetChecksum.sum(base, count) != 0xffff
      && base.loadUnaligned(fromByteOffset: 10, as: UInt16.self) != 0
  }

  /// Sets the standing by the network header; false when nothing more can be said.
  @inline(__always) private mutating func check(
    _ base: UnsafeRawPointer, from network: Int, to start: Int, isIPv4: Bool
  ) -> Bool {
    if isIPv4 {
      guard network &+ 20 <= start else {
        standing = .absent
        return false
      }
      if Self.isBroken(ipv4: base + network, count: start &- network) {
        standing = .broken
        return false
      }
      return true
    }
    // With a routing header the sum is over the last target, which the header names.
    var next = network &+ 40 <= start ? base.load(fromByteOffset: network &+ 6, as: UInt8.self) : 43
    var at = network &+ 40
    while at < start, next != 43, at &+ 8 <= start {
      let size = Int(base.load(fromByteOffset: at &+ 1, as: UInt8.self))
      let length = next == 51 ? (size &+ 2) &* 4 : next == 44 ? 8 : (size &+ 1) &* 8
      next = base.load(fromByteOffset: at, as: UInt8.self)
      at &+= length
    }
    if next == 43 { standing = .absent }
    return next != 43
  }

  @inline(__always) private static func halves(_ address: IPAddress, _ isIPv4: Bool) -> UInt64 {
    if isIPv4 { return UInt64(address.v4.bigEndian) }
    let (high, low) = (address.high.bigEndian, address.low.bigEndian)
    return (high & 0xffff_ffff) &+ (high &>> 32) &+ (low & 0xffff_ffff) &+ (low &>> 32)
  }
}
