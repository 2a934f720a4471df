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
    self = list.split(separator: ",").reduce(into: []) {
      $0.formUnion(KindTable.families(named: String($1)))
    }
  }

  @inlinable public var count: Int { rawValue.nonzeroBitCount }
}

/// Which bit a family has.
private struct FamilyNames {
  private var bits: [String: UInt64] = [
    "recon": 0, "access": 1, "dos": 2, "worm": 3, "campaign": 4, "anomaly": 5, "health": 6,
    "exposure": 7, "lateral": 8, "exfil": 9, "c2": 10,
  ]

  mutating func set(of family: String) -> FamilySet {
    if let known = bits[family] { return FamilySet(rawValue: 1 << known) }
    let fresh = UInt64(min(bits.count, 63))
    if fresh < 63 { bits[family] = fresh }
    return FamilySet(rawValue: 1 << fresh)
  }
}
