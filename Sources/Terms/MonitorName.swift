/// A monitor's name in the topology: 1…63 characters of `a-z`, `0-9` and `-`, starting with a letter.
///
/// The alphabet is that of a DNS label, so that a name is safe in a certificate, a URI and a file name.
public struct MonitorName: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The longest name, in characters (RFC 1035 label).
  public static let lengthLimit = 63

  public let text: String

  /// nil when `text` breaks the alphabet or the length.
  public init?(_ text: some StringProtocol) {
    guard let first = text.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first),
      text.utf8.count <= Self.lengthLimit,
      text.utf8.allSatisfy({
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
      })
    else { return nil }
    self.text = String(text)
  }

  public var description: String { text }

  public static func < (left: MonitorName, right: MonitorName) -> Bool { left.text < right.text }
}
