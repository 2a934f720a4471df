import Crypto
import Terms

/// A report's identity: a UUID (RFC 9562, version 8) derived from what the report is about, so that
/// a replay gives the same one and a duplicate merges.
public struct ReportID: Hashable, Sendable, Codable, Comparable {
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Derives the identity by SHA-256 over the four parts; `subject` is the engine's own stable name
  /// of what it reports on.
  public init(
    monitor: MonitorName, kind: ReportKind, subject: String, opened: CaptureTime,
    exercise: String? = nil
  ) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(192)
    for part in [monitor.text, kind.text, subject, exercise ?? ""] {
      bytes.append(contentsOf: part.utf8)
      bytes.append(0)
    }
    withUnsafeBytes(of: opened.nanoseconds.bigEndian) { bytes.append(contentsOf: $0) }
    let numbers = SHA256.hash(data: bytes).withUnsafeBytes { digest in
      [0, 8].map { UInt64(bigEndian: digest.loadUnaligned(fromByteOffset: $0, as: UInt64.self)) }
    }
    high = numbers[0] & 0xffff_ffff_ffff_0fff | 0x8000
    low = numbers[1] & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
  }

  @inlinable public func hash(into hasher: inout Hasher) {
    hasher.combine(high)
    hasher.combine(low)
  }

  @inlinable public func _rawHashValue(seed: Int) -> Int { TableHash.of(high, low, seed: seed) }

  @inlinable public static func < (left: ReportID, right: ReportID) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }
}

extension ReportID: CustomStringConvertible {
  /// Parses the 36-character form; nil for anything else.
  public init?(_ text: some StringProtocol) {
    let groups = text.split(separator: "-", omittingEmptySubsequences: false)
    guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12], let a = UInt64(groups[0], radix: 16),
      let b = UInt64(groups[1], radix: 16), let c = UInt64(groups[2], radix: 16),
      let d = UInt64(groups[3], radix: 16), let e = UInt64(groups[4], radix: 16)
    else { return nil }
    self.init(high: a << 32 | b << 16 | c, low: d << 48 | e)
  }

  public var description: String {
    String(unsafeUninitializedCapacity: 36) { text in
      var place = 0
      for index in 0..<32 {
        if index == 8 || index == 12 || index == 16 || index == 20 {
          text[place] = UInt8(ascii: "-")
          place += 1
        }
        let word = index < 16 ? high : low
        let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (index % 16)) & 0xf)
        text[place] = digit + (digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
        place += 1
      }
      return place
    }
  }
}
