/// A report and all that stands behind it, as a tree down to packets.
public struct Derivation: Codable, Hashable, Sendable {
  public enum State: String, Codable, Sendable {
    /// Told in full here.
    case told
    /// Told earlier in the tree.
    case seen
    /// Named as a source, but in none of the archives.
    case missing
    /// Deeper than `depthLimit`, or beyond `nodeLimit`.
    case cut
  }

  /// Steps from the root. Three tiers need five: incident, incident, detection, evidence, and one
  /// to spare.
  public static let depthLimit = 16
  /// Reports told in one tree.
  public static let nodeLimit = 2048

  public var id: String
  public var state: State
  /// nil when missing.
  public var report: ReportRow?
  public var derivedFrom: [Derivation]

  /// Walks down from `id`, depth first; a cycle ends at the report that is already told.
  public init(of id: String, in lookup: inout ReportLookup) throws {
    var told: Set<String> = []
    self = try Self.walk(id, parent: nil, depth: 0, &told, &lookup)
  }

  private init(id: String, state: State, report: ReportRow?, derivedFrom: [Derivation] = []) {
    self.id = id
    self.state = state
    self.report = report
    self.derivedFrom = derivedFrom
  }

  private static func walk(
    _ id: String, parent: ReportRow?, depth: Int, _ told: inout Set<String>,
    _ lookup: inout ReportLookup
  ) throws -> Derivation {
    guard var row = try lookup.row(id) else {
      return Derivation(id: id, state: .missing, report: nil)
    }
    let parties = parent.map { parent -> ReportRow in
      guard row.class == "evidence" else { return row }
      row.keepSummaryRows(for: parent)
      var eyes = row
      eyes.sources = parent.sources
      eyes.targets = parent.targets
      eyes.attributes = parent.attributes
      return eyes
    }
    if told.contains(id) { return Derivation(id: id, state: .seen, report: row) }
    guard depth < depthLimit, told.count < nodeLimit else {
      return Derivation(id: id, state: .cut, report: row)
    }
    told.insert(id)
    var below: [Derivation] = []
    for child in row.derivedFrom {
      below.append(
        try walk(child, parent: parties ?? row, depth: depth + 1, &told, &lookup))
    }
    return Derivation(id: id, state: .told, report: row, derivedFrom: below)
  }
}
