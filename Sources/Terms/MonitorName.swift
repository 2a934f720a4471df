import Synchronization

/// A monitor's name in the topology: 1…63 characters of `a-z`, `0-9` and `-`, starting with a
/// letter.
///
/// The alphabet is that of a DNS label, so that a name is safe in a certificate, a URI and a file
/// name. A process keeps each name once, and values point there: each report is looked up by its
/// monitor several times, and copied with it many more.
public struct MonitorName: @unchecked Sendable {
  /// The longest name, in characters (RFC 1035 label).
  public static let lengthLimit = 63

  /// Names that a process tells apart; what hostile children make up beyond is no name.
  private static let limit = 262_144
  private static let known = Mutex<[String: MonitorName]>([:])

  /// Never changed, never freed.
  @usableFromInline let entry: UnsafePointer<String>

  @inlinable public var text: String { entry.pointee }

  /// nil when `text` breaks the alphabet or the length.
  public init?(_ text: some StringProtocol) { self.init(String(text)) }

  /// As above; not generic, because decoders make one per report.
  public init?(_ text: String) {
    let known = Self.known.withLock { names -> MonitorName? in
      if let known = names[text] { return known }
      var own = text
      guard own.withUTF8(Self.isName), names.count < Self.limit else { return nil }
      let fresh = MonitorName(entry: own)
      names[own] = fresh
      return fresh
    }
    guard let known else { return nil }
    self = known
  }

  private init(entry text: String) {
    let place = UnsafeMutablePointer<String>.allocate(capacity: 1)
    place.initialize(to: text)
    entry = UnsafePointer(place)
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
}

extension MonitorName: Hashable {
  @inlinable public static func == (left: MonitorName, right: MonitorName) -> Bool {
    left.entry == right.entry
  }

  @inlinable public func hash(into hasher: inout Hasher) { hasher.combine(entry) }

  @inlinable public func _rawHashValue(seed: Int) -> Int {
    TableHash.of(UInt64(UInt(bitPattern: entry)), 0, seed: seed)
  }
}

extension MonitorName: Comparable, CustomStringConvertible {
  public static func < (left: MonitorName, right: MonitorName) -> Bool {
    left != right && left.text < right.text
  }

  public var description: String { text }
}

extension MonitorName: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let name = MonitorName(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "no monitor's name")
    }
    self = name
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}
