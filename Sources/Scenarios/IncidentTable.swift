/// Incidents as a table, in order of rank: the highest tier first, then by class of rank, then by
/// when they were raised. An incident changes its place only when its class changes.
public struct IncidentTable {
  private var table: TextTable
  private let start: Double?

  /// - Parameter start: what times are counted from; nil shows dates.
  public init(_ rows: some Sequence<ReportRow>, start: Double? = nil) {
    self.start = start
    table = TextTable([
      ("rank", .left), ("tier", .left), ("monitor", .left), ("kind", .left), ("sources", .left),
      ("targets", .left), ("ports", .left), ("severity", .right), ("outcome", .left),
      ("raised", .right), ("id", .left),
    ])
    for row in rows {
      let raised = start.map { Figures.offset(row.raised - $0) } ?? Figures.time(row.raised)
      table.append([
        row.assessment.map { "\($0.rank) \($0.class)" } ?? "-", row.tier, row.monitor, row.kind,
        ResultSummary.brief(row.sources, of: row.count.sources),
        ResultSummary.brief(row.targets, of: row.count.targets),
        ResultSummary.brief(row.ports.map { "\($0)" }, of: row.ports.count),
        Figures.short(row.severity), Self.outcome(row), raised, String(row.id.prefix(8)),
      ])
    }
  }

  private static func outcome(_ row: ReportRow) -> String {
    guard let outcome = row.assessment?.outcome, outcome != "unknown" else { return "-" }
    return outcome
  }

  /// The titles, then a line for each incident.
  public var lines: [String] { table.lines }
}
