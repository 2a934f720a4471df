/// A monitor's name in the topology: 1…63 characters of `a-z`, `0-9` and `-`, starting with a
/// letter.
///
/// The alphabet is that of a DNS label, so that a name is safe in a certificate, a URI and a file
/// name.
public struct MonitorName: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
  /// The longest name, in characters (RFC 1035 label).
  public static let lengthLimit = 63

  public let text: String

  /// nil when `text` breaks the alphabet or the length.
  public init?(_ text: some StringProtocol) { self.init(String(text)) }

  /// As above; not generic, because decoders make one per report.
  public init?(_ text: String) {
    var text = text
    guard text.withUTF8(Self.isName) else { return nil }
    self.text = text
  }

  private static func isName(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let first = utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first),
      utf8.count <= lengthLimit
    else { return false }
    for byte in utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "-"):
        continue
      default: return false
      }
    }
    return true
  }

  /// Names are looked up several times for each report.
  public func _rawHashValue(seed: Int) -> Int {
    var text = text
    return text.withUTF8 { TableHash.of($0, seed: seed) }
  }

  public var description: String { text }

  public static func < (left: MonitorName, right: MonitorName) -> Bool { left.text < right.text }
}
