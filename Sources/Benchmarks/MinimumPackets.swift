import Glibc

/// Five million frames of minimum size, the hardest traffic per byte: a spoofed SYN flood on one
/// host, a SYN scan with its RSTs, a sweep of 1434/udp and a ping sweep, mixed. The same bytes for
/// the same seed.
struct MinimumPackets {
  static let count = 5_000_000
  /// Share of each kind, in percent; the rest is ICMP.
  private static let floodShare: UInt64 = 54
  private static let scanShare: UInt64 = 24
  private static let sweepShare: UInt64 = 14
  /// Ethernet's minimum without the checksum, in bytes.
  private static let frameLength = 60
  private static let recordLength = 16 + frameLength
  /// 100,000 packets a second.
  private static let microsecondsApart = 10
  private static let firstSecond = 1_700_000_000

  private var state: UInt64
  private var scanned: UInt32 = 0
  private var swept: UInt32 = 0
  private var pinged: UInt32 = 0

  private init(seed: UInt64) { state = seed }

  /// Writes a classic microsecond pcap; nil when the file cannot be written, with `errno` set.
  static func write(to path: String, count: Int = count, seed: UInt64 = 1) -> Bool {
    guard let file = fopen(path, "wb") else { return false }
    var header: [UInt32] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1]
    var written = fwrite(&header, 24, 1, file) == 1
    var maker = MinimumPackets(seed: seed)
    var record = [UInt8](repeating: 0, count: recordLength)
    for number in 0..<count where written {
      maker.fill(&record, number)
      written = fwrite(&record, recordLength, 1, file) == 1
    }
    return fclose(file) == 0 && written
  }

  private mutating func fill(_ record: inout [UInt8], _ number: Int) {
    let micros = number * Self.microsecondsApart
    let time = [
      UInt32(Self.firstSecond + micros / 1_000_000), UInt32(micros % 1_000_000),
      UInt32(Self.frameLength), UInt32(Self.frameLength),
    ]
    let word = next()
    record.withUnsafeMutableBytes { bytes in
      bytes.initializeMemory(as: UInt8.self, repeating: 0)
      time.withUnsafeBytes { bytes.copyMemory(from: $0) }
      let frame = UnsafeMutableRawBufferPointer(rebasing: bytes[16...])
      frame[5] = 2
      frame[11] = 1
      frame[12] = 8
      switch word % 100 {
      case ..<Self.floodShare:
        Self.ip(frame, from: UInt32(truncatingIfNeeded: word >> 32), to: 0x0a0a_010a, 6)
        Self.tcp(frame, UInt16(truncatingIfNeeded: word >> 16) | 1024, 80, flags: 2)
      case ..<(Self.floodShare + Self.scanShare): scan(frame)
      case ..<(Self.floodShare + Self.scanShare + Self.sweepShare):
        swept &+= 1
        Self.ip(frame, from: 0xcb00_7105, to: 0x0a00_0000 | swept & 0xf_ffff, 17)
        Self.put(frame, 34, 3000, 1434, 26)
      default:
        pinged &+= 1
        Self.ip(frame, from: 0xcb00_7106, to: 0x0a00_0000 | pinged & 0xf_ffff, 1)
        Self.put(frame, 34, 0x0800, 0, 77, UInt16(truncatingIfNeeded: pinged))
      }
    }
  }

  /// A SYN to the next port, or the RST that answers the one before.
  private mutating func scan(_ frame: UnsafeMutableRawBufferPointer) {
    let attacker: UInt32 = 0xcb00_7107
    let probe = scanned >> 1
    let victim: UInt32 = 0x0a0a_0200 | probe >> 16
    let port = UInt16(truncatingIfNeeded: probe)
    if scanned & 1 == 0 {
      Self.ip(frame, from: attacker, to: victim, 6)
      Self.tcp(frame, 45_000, port, flags: 2)
    } else {
      Self.ip(frame, from: victim, to: attacker, 6)
      Self.tcp(frame, port, 45_000, flags: 0x14)
    }
    scanned &+= 1
  }

  private static func ip(
    _ frame: UnsafeMutableRawBufferPointer, from source: UInt32, to target: UInt32,
    _ transport: UInt8
  ) {
    put(frame, 14, 0x4500, 46, 0, 0, 0x4000 | UInt16(transport), 0)
    frame.storeBytes(of: source.bigEndian, toByteOffset: 26, as: UInt32.self)
    frame.storeBytes(of: target.bigEndian, toByteOffset: 30, as: UInt32.self)
  }

  private static func tcp(
    _ frame: UnsafeMutableRawBufferPointer, _ source: UInt16, _ target: UInt16, flags: UInt16
  ) {
    put(frame, 34, source, target, 0, 1, 0, 0, 0x5000 | flags, 1024)
  }

  /// Big-endian words from `offset` on.
  private static func put(
    _ frame: UnsafeMutableRawBufferPointer, _ offset: Int, _ words: UInt16...
  ) {
    for (position, word) in words.enumerated() {
      frame.storeBytes(of: word.bigEndian, toByteOffset: offset + 2 * position, as: UInt16.self)
    }
  }

  /// SplitMix64.
  private mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    return word ^ word >> 31
  }
}
