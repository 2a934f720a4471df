import Crypto
import Terms

/// A report's identity: a UUID (RFC 9562, version 8) derived from what the report is about, so that
/// a replay gives the same one and a duplicate merges.
public struct ReportID: Hashable, Sendable, Comparable {
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
    var hash = SHA256()
    for part in [monitor.text, kind.text, subject, exercise ?? ""] {
      hash.update(data: Array(part.utf8))
      hash.update(data: [0])
    }
    withUnsafeBytes(of: opened.nanoseconds.bigEndian) { hash.update(bufferPointer: $0) }
    let digest = Array(hash.finalize())
    func number(_ range: Range<Int>) -> UInt64 { digest[range].reduce(0) { $0 << 8 | UInt64($1) } }
    high = number(0..<8) & 0xffff_ffff_ffff_0fff | 0x8000
    low = number(8..<16) & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
  }

  public static func < (left: ReportID, right: ReportID) -> Bool {
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
    func hex(_ value: UInt64, _ digits: Int) -> String {
      let text = String(value, radix: 16)
      return String(repeating: "0", count: digits - text.count) + text
    }
    return hex(high >> 32, 8) + "-" + hex(high >> 16 & 0xffff, 4) + "-" + hex(high & 0xffff, 4)
      + "-"
      + hex(low >> 48, 4) + "-" + hex(low & 0xffff_ffff_ffff, 12)
  }
}
