import Reports
import Terms

extension Similarity {
  /// The feature in which two reports must have something in common to belong together at all.
  enum Anchor: Sendable {
    case sources, targets, ports
    /// No feature must agree: every attack of the kind is held against the report.
    case none
  }

  /// The first of the features with a least similarity that members can be looked up by.
  var anchor: Anchor {
    for feature in features where feature.least > 0 && feature.measure == .overlap {
      switch feature.feature {
      case "sources": return .sources
      case "targets": return .targets
      case "ports": return .ports
      default: continue
      }
    }
    return .none
  }
}

/// Finds the attacks that a report may belong to, by the feature that must agree.
struct AttackIndex: Sendable {
  struct Key: Hashable, Sendable {
    var kind: ReportKind
    /// nil for attacks of the kind that no value leads to.
    var value: IPPrefix?
  }

  /// The most keys of one attack; with more it is held against every report of its kind.
  private static let keyLimit = 128

  /// One attack is the rule; more of them wait in `others`.
  private var first: [Key: ReportID] = [:]
  private var others: [Key: [ReportID]] = [:]

  /// Notes an attack under the values that it has by now.
  mutating func add(_ attack: inout FusedAttack, _ id: ReportID, anchor: Similarity.Anchor) {
    let size = Self.size(attack.report, anchor)
    guard attack.keys.isEmpty || size != attack.indexedSize else { return }
    attack.indexedSize = size
    let kind = attack.report.kind
    let values = Self.values(attack.report, anchor)
    if values.isEmpty || values.contains(where: { !$0.isHost })
      || attack.keys.count >= Self.keyLimit
    {
      add(Key(kind: kind, value: nil), &attack, id)
    }
    for value in values where attack.keys.count < Self.keyLimit {
      add(Key(kind: kind, value: value), &attack, id)
    }
  }

  private mutating func add(_ key: Key, _ attack: inout FusedAttack, _ id: ReportID) {
    guard let holder = first[key] else {
      first[key] = id
      attack.keys.append(key)
      return
    }
    guard holder != id, others[key]?.contains(id) != true else { return }
    others[key, default: []].append(id)
    attack.keys.append(key)
  }

  mutating func remove(_ attack: FusedAttack, _ id: ReportID) {
    for key in attack.keys {
      if first[key] == id {
        first[key] = others[key]?.popLast()
      } else {
        others[key]?.removeAll { $0 == id }
      }
      if others[key]?.isEmpty == true { others[key] = nil }
    }
  }

  /// Shows every attack that the report may belong to, some of them twice.
  func visit(_ event: Report, anchor: Similarity.Anchor, _ body: (ReportID) -> Void) {
    let values = Self.values(event, anchor)
    visit(Key(kind: event.kind, value: nil), body)
    if values.isEmpty || values.contains(where: { !$0.isHost }) {
      for (key, id) in first where key.kind == event.kind && key.value != nil {
        body(id)
        for other in others[key] ?? [] { body(other) }
      }
      return
    }
    for value in values { visit(Key(kind: event.kind, value: value), body) }
  }

  private func visit(_ key: Key, _ body: (ReportID) -> Void) {
    guard let id = first[key] else { return }
    body(id)
    for other in others[key] ?? [] { body(other) }
  }

  /// How many values there are: as long as it does not change, neither do they.
  private static func size(_ report: Report, _ anchor: Similarity.Anchor) -> Int {
    switch anchor {
    case .sources: report.sources.count
    case .targets: report.targets.count
    case .ports: report.ports.count
    case .none: 0
    }
  }

  /// Ports are looked up as addresses of a kind that no host has.
  private static func values(_ report: Report, _ anchor: Similarity.Anchor) -> [IPPrefix] {
    switch anchor {
    case .sources: report.sources.listed
    case .targets: report.targets.listed
    case .ports:
      report.ports.map { IPPrefix(host: IPAddress(high: .max, low: UInt64($0))) }
    case .none: []
    }
  }
}
