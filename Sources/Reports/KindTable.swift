import Synchronization
import Terms

/// The names of report kinds that this process has met, each kept once and for good.
enum KindTable {
  /// Names that are told apart, built-in ones not counted.
  static let limit = 16_384

  private struct State {
    var kinds: [String: ReportKind] = [:]
    var foreign = 0
    var families = FamilyNames()
  }

  private static let state = Mutex(State())

  static func kind(_ text: String, isBuiltIn: Bool) -> ReportKind {
    let known = state.withLock { state -> ReportKind? in
      if let known = state.kinds[text] { return known }
      guard isBuiltIn || state.foreign < limit else { return nil }
      if !isBuiltIn { state.foreign += 1 }
      let family = String(text[..<(text.utf8.firstIndex(of: UInt8(ascii: ".")) ?? text.endIndex)])
      let place = UnsafeMutablePointer<ReportKind.Entry>.allocate(capacity: 1)
      place.initialize(
        to: ReportKind.Entry(
          text: text, family: family, families: state.families.set(of: family),
          mark: text.utf8.fnv1a))
      let fresh = ReportKind(UnsafePointer(place))
      state.kinds[text] = fresh
      return fresh
    }
    return known ?? .unknown
  }

  /// The set of one family.
  static func families(named name: String) -> FamilySet {
    state.withLock { $0.families.set(of: name) }
  }
}

/// Families of report kinds, a bit each. A process tells 63 apart; of more the rest share a bit.
public struct FamilySet: OptionSet, Hashable, Sendable {
  public let rawValue: UInt64

  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  @inlinable public static var recon: FamilySet { FamilySet(rawValue: 1) }
  @inlinable public static var access: FamilySet { FamilySet(rawValue: 1 << 1) }
  @inlinable public static var dos: FamilySet { FamilySet(rawValue: 1 << 2) }
  @inlinable public static var worm: FamilySet { FamilySet(rawValue: 1 << 3) }
  @inlinable public static var campaign: FamilySet { FamilySet(rawValue: 1 << 4) }
  @inlinable public static var anomaly: FamilySet { FamilySet(rawValue: 1 << 5) }
  @inlinable public static var health: FamilySet { FamilySet(rawValue: 1 << 6) }
  @inlinable public static var exposure: FamilySet { FamilySet(rawValue: 1 << 7) }
  @inlinable public static var lateral: FamilySet { FamilySet(rawValue: 1 << 8) }
  @inlinable public static var exfil: FamilySet { FamilySet(rawValue: 1 << 9) }
  @inlinable public static var c2: FamilySet { FamilySet(rawValue: 1 << 10) }

  /// Those of a list such as `recon,access`.
  public init(list: String) {
    // Campaigns are asked for theirs many times: the built-in names are read where they stand.
    var list = list
    self = list.withUTF8 { bytes in
      bytes.split(separator: UInt8(ascii: ",")).reduce(into: []) { set, name in
        set.formUnion(
          Self.builtIn(name) ?? KindTable.families(named: String(decoding: name, as: UTF8.self)))
      }
    }
  }

  /// The set of one built-in family; nil for any other name.
  private static func builtIn(_ name: Slice<UnsafeBufferPointer<UInt8>>) -> FamilySet? {
    guard name.count <= 8 else { return nil }
    let word = Word(name)
    return builtInWords.firstIndex { $0 == word }.map { FamilySet(rawValue: 1 << UInt64($0)) }
  }

  /// A name of eight bytes at most, as a number.
  private struct Word: Equatable {
    var count: Int
    var bytes: UInt64

    init(_ name: some Collection<UInt8>) {
      count = name.count
      bytes = name.reduce(0) { $0 << 8 | UInt64($1) }
    }
  }

  private static let builtInWords = FamilyNames.builtIn.map { Word($0.utf8) }

  @inlinable public var count: Int { rawValue.nonzeroBitCount }
}

/// Which bit a family has.
private struct FamilyNames {
  /// In the order of their bits; of eight characters at most.
  static let builtIn = [
    "recon", "access", "dos", "worm", "campaign", "anomaly", "health", "exposure", "lateral",
    "exfil", "c2",
  ]

  private var bits = Dictionary(
    uniqueKeysWithValues: zip(builtIn, UInt64(0)...))

  mutating func set(of family: String) -> FamilySet {
    if let known = bits[family] { return FamilySet(rawValue: 1 << known) }
    let fresh = UInt64(min(bits.count, 63))
    if fresh < 63 { bits[family] = fresh }
    return FamilySet(rawValue: 1 << fresh)
  }
}
