import Reports
import Terms

/// Why was there no report of this kind about these parties at that time?
public struct SilenceQuestion: Sendable, Hashable {
  /// A whole kind, `family.*` or `*`.
  public var kind: String
  public var source: IPPrefix?
  public var target: IPPrefix?
  /// UTC epoch seconds; nil for all the time there is.
  public var between: ClosedRange<Double>?

  public init(
    kind: String, source: IPPrefix? = nil, target: IPPrefix? = nil,
    between: ClosedRange<Double>? = nil
  ) {
    self.kind = kind
    self.source = source
    self.target = target
    self.between = between
  }

  /// Whether the row is about the parties and time asked for, whatever it says.
  func concerns(_ row: ReportRow) -> Bool {
    guard meets(row.first, row.last) else { return false }
    if let source, !Self.names(row.sources, source, of: row.count.sources) { return false }
    if let target, !Self.names(row.targets, target, of: row.count.targets) { return false }
    return true
  }

  func asksFor(_ row: ReportRow) -> Bool { ReportKind(row.kind).matches(kind) }

  /// Whether a row of evidence speaks of the parties.
  func concerns(_ row: SummaryRow) -> Bool {
    // A contact row names its source and its targets as peers; a rate row the other way round.
    let sources = row.source.map { [$0] } ?? row.peers
    let targets = row.target.map { [$0] } ?? row.peers
    let peersAreCut = row.peerCount > row.peers.count
    let namesSource =
      source.map { Self.holds(sources, $0) || (row.source == nil && peersAreCut) } ?? true
    let namesTarget =
      target.map { Self.holds(targets, $0) || (row.target == nil && peersAreCut) } ?? true
    return namesSource && namesTarget
  }

  func meets(_ first: Double, _ last: Double) -> Bool {
    between.map { first <= $0.upperBound && last >= $0.lowerBound } ?? true
  }

  /// A list that is cut may name what it does not show: it counts when it shows nothing at all.
  private static func names(_ list: [String], _ wanted: IPPrefix, of count: Int) -> Bool {
    holds(list, wanted) || (list.isEmpty && count > 0)
  }

  private static func holds(_ list: [String], _ wanted: IPPrefix) -> Bool {
    list.contains { IPPrefix($0)?.overlaps(wanted) ?? false }
  }
}
