import Analysis
import Reports

/// Short lists that very many conclusions have alike (the segments of one monitor, the one reason of a
/// severity), kept once. What it does not know is simply not shared.
struct CommonLists: Sendable, Codable {
  /// Lists of a sort that are looked through.
  private static let limit = 16

  private var reasons = Remade<[[Term]]>()
  private var segments = Remade<[[String]]>()

  /// The one reason of a conclusion from one report.
  mutating func reason(severity: Double) -> [Term] {
    if let known = reasons.value.first(where: { $0.first?.value == severity }) { return known }
    let fresh = [Term("severity", severity, threshold: Report.informationalSeverity)]
    if reasons.value.count < Self.limit { reasons.value.append(fresh) }
    return fresh
  }

  /// Replaces the segments of a report by an equal list that others hold, too.
  mutating func share(segmentsOf report: inout Report) {
    guard !report.coverage.segments.isEmpty else { return }
    if let known = segments.value.first(where: { $0 == report.coverage.segments }) {
      report.coverage.segments = known
    } else if segments.value.count < Self.limit {
      segments.value.append(report.coverage.segments)
    }
  }
}
