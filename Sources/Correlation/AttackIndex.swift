import Analysis
import Reports
import Terms

extension Similarity {
  /// The feature in which two reports must have something in common to belong together at all.
  enum Anchor: Sendable {
    case sources, targets, ports
    /// A field of the kind that must be the same.
    case attribute(String)
    /// No feature must agree.
    case none
  }

  /// The first of the features with a least similarity that members can be looked up by.
  var anchor: Anchor {
    for feature in features where feature.least > 0 {
      switch (feature.feature, feature.measure) {
      case (.sources, .overlap): return .sources
      case (.targets, .overlap): return .targets
      case (.ports, .overlap): return .ports
      case (.attribute(let name), .exact): return .attribute(name)
      default: continue
      }
    }
    return .none
  }
}

/// Finds the attacks that a report may belong to, by the feature that must agree.
///
/// What the feature does not lead to (a report without sources, one about a whole prefix) is held
/// against the newest attacks of its kind only, and no report against more than `lookLimit`
/// attacks: a child that sends such reports makes those of others no dearer.
struct AttackIndex: Sendable, Codable {
  typealias Key = AddressIndex<UInt16, Int32>.Key

  /// The most keys of one attack; what is beyond leads nowhere.
  private static let keyLimit = 128
  /// Newest attacks of a kind that a report without a lead is held against, and attacks without
  /// keys that every report of the kind is.
  static let recentLimit = 64
  /// Attacks that one report is held against at most.
  static let lookLimit = 512

  private struct Kind: Sendable, Codable {
    var recent: [Int32] = []
    var unanchored: [Int32] = []
  }

  private var index = AddressIndex<UInt16, Int32>()
  private var kinds: [Kind] = []

  /// Notes an attack under the values that it has by now.
  mutating func add(_ attack: inout FusedAttack, _ slot: Int32, anchor: Similarity.Anchor) {
    let size = Self.size(attack.report, anchor)
    guard attack.isFresh || size != Int(attack.indexedSize) else { return }
    let number = Int(attack.kind)
    while kinds.count <= number { kinds.append(Kind()) }
    if attack.isFresh { Self.push(slot, to: &kinds[number].recent) }
    attack.isFresh = false
    attack.indexedSize = Int32(clamping: size)
    let values = Self.values(attack.report, anchor)
    if values.isEmpty { Self.push(slot, to: &kinds[number].unanchored) }
    for value in values where attack.keyCount < Self.keyLimit {
      if index.add(slot, under: Key(attack.kind, value)) { attack.note(key: value) }
    }
  }

  private static func push(_ slot: Int32, to list: inout [Int32]) {
    guard !list.contains(slot) else { return }
    list.append(slot)
    if list.count > recentLimit { list.removeFirst() }
  }

  /// Forgets an attack of this kind; a new kind is a new beginning.
  mutating func remove(_ attack: inout FusedAttack, _ slot: Int32) {
    for value in attack.forgetKeys() { index.remove(slot, under: Key(attack.kind, value)) }
    let number = Int(attack.kind)
    guard kinds.indices.contains(number) else { return }
    kinds[number].recent.removeAll { $0 == slot }
    kinds[number].unanchored.removeAll { $0 == slot }
  }

  /// Shows the attacks that the report may belong to, some of them twice, until `body` has had
  /// enough.
  func visit(
    _ event: Report, kind: UInt16, anchor: Similarity.Anchor, _ body: (Int32) -> Bool
  ) {
    let values = Self.values(event, anchor)
    var isEnough = false
    for value in values where !isEnough {
      index.visit(kind, value) { if !isEnough { isEnough = !body($0) } }
    }
    guard !isEnough, kinds.indices.contains(Int(kind)) else { return }
    let others = kinds[Int(kind)]
    for slot in others.unanchored { guard body(slot) else { return } }
    guard values.isEmpty || values.contains(where: { !$0.isHost }) else { return }
    for slot in others.recent.reversed() { guard body(slot) else { return } }
  }

  /// How many values there are: as long as it does not change, neither do they.
  private static func size(_ report: Report, _ anchor: Similarity.Anchor) -> Int {
    switch anchor {
    case .sources: report.sources.count
    case .targets: report.targets.count
    case .ports: report.ports.count
    case .attribute(let name): report.attributes[name] == nil ? 0 : 1
    case .none: 0
    }
  }

  /// Ports and fields are looked up as addresses of a kind that no host has.
  private static func values(_ report: Report, _ anchor: Similarity.Anchor) -> [IPPrefix] {
    switch anchor {
    case .sources: report.sources.listed
    case .targets: report.targets.listed
    case .ports:
      report.ports.map { IPPrefix(host: IPAddress(high: .max, low: UInt64($0))) }
    case .attribute(let name):
      report.attributes[name].map {
        [IPPrefix(host: IPAddress(high: .max, low: $0.description.utf8.fnv1a))]
      } ?? []
    case .none: []
    }
  }
}
