import Reports
import Terms

/// What a lane knows of its children's blindness, and what that takes from its verdicts: a share of
/// confidence, a name in the coverage, a term that says so.
struct CoverageKeeper: Sendable, Codable {
  /// Loss takes half its share of confidence; silence a quarter of the silent children's, since what
  /// the others saw they saw.
  private static let lossWeight = 0.5
  private static let silenceWeight = 0.25
  /// How long reports that were not taken count.
  private static let memory = TimeSpan.minutes(1)
  private static let segmentLimit = 4096

  private struct Flood: Sendable, Codable {
    var share: Double
    var until: CaptureTime
  }

  /// The loss that was last told of each segment; none are kept.
  private var lossOf: [String: Double] = [:]
  private var floods: [MonitorName: Flood] = [:]

  /// Takes what a child's report says of the child's own losses.
  mutating func note(_ report: Report) {
    let loss = report.coverage.loss
    guard loss > 0 || !lossOf.isEmpty else { return }
    for segment in report.coverage.segments {
      if loss <= 0 {
        lossOf[segment] = nil
      } else if lossOf.count < Self.segmentLimit || lossOf[segment] != nil {
        lossOf[segment] = min(1, loss)
      }
    }
  }

  /// A share of a child's reports was not taken.
  mutating func note(untaken share: Double, of child: MonitorName, at time: CaptureTime) {
    guard share > 0 else { return }
    floods[child] = Flood(share: min(1, share), until: time + Self.memory)
  }

  /// Whether no child has told of a loss of its own.
  var isLossless: Bool { lossOf.isEmpty }

  /// Whether nothing was lost, as far as anybody said.
  var isClear: Bool { lossOf.isEmpty && floods.isEmpty }

  /// Enters what was lost on the way into a verdict of this moment.
  func cover(_ report: inout Report) {
    guard !(lossOf.isEmpty && floods.isEmpty), report.kind.families != .health else { return }
    var loss = report.coverage.loss
    for segment in report.coverage.segments { loss = max(loss, lossOf[segment] ?? 0) }
    for flood in floods.values where flood.until >= report.emitted {
      loss = max(loss, flood.share)
    }
    guard loss > 0 else { return }
    report.coverage.loss = loss
    guard report.reportClass != .evidence else { return }
    report.confidence *= 1 - Self.lossWeight * loss
    Self.explain(&report, Term("lost on the way", loss, unit: "share"))
  }

  /// Enters the children that were silent.
  static func cover(_ report: inout Report, silent: [MonitorName], of children: Int) {
    report.coverage.silent = Array(
      Set(report.coverage.silent).union(silent).sorted().prefix(Report.Limit.coverage))
    guard report.reportClass != .evidence, report.kind.families != .health else { return }
    let share = Double(silent.count) / Double(max(1, children))
    report.confidence *= 1 - silenceWeight * share
    explain(&report, Term("silent children", Double(silent.count), unit: "of \(children)"))
  }

  private static func explain(_ report: inout Report, _ term: Term) {
    guard report.terms.count < Report.Limit.terms else { return }
    report.terms.append(term)
  }
}
