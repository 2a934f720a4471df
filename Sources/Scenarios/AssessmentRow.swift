import Reports
import Terms

/// How much an incident matters, as a result file holds it: what the rank rests on, and its
/// arithmetic.
public struct AssessmentRow: Codable, Hashable, Sendable {
  /// Low, medium, high.
  public struct BeliefRow: Codable, Hashable, Sendable {
    public var low: Double
    public var medium: Double
    public var high: Double

    init(_ belief: RankTree.Belief) {
      low = Self.short(belief.low)
      medium = Self.short(belief.medium)
      high = Self.short(belief.high)
    }

    private static func short(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
  }

  /// 0–255.
  public var rank: Int
  /// slight, low, medium, high, urgent.
  public var `class`: String
  /// The host that makes the rank; nil where none of the site's is at stake.
  public var host: String?
  /// 0–255; 128 where nothing is known.
  public var relevance: Int
  /// 0–1, from value and interest.
  public var priority: Double
  /// 0–5.
  public var value: Int
  /// 0–1.
  public var interest: Double
  /// unknown, failed, succeeded.
  public var outcome: String
  /// 0–1.
  public var confidence: Double
  /// The asset value that is in the risk.
  public var riskValue: Int
  public var grounds: [ReportRow.TermRow]
  /// What each part speaks for, and all of them together.
  public var ofRelevance: BeliefRow
  public var ofPriority: BeliefRow
  public var ofOutcome: BeliefRow
  public var ofConfidence: BeliefRow
  public var belief: BeliefRow

  public init(_ assessment: Assessment) {
    let tree = assessment.tree
    rank = Int(tree.rank)
    self.class = assessment.rankClass.name
    host = assessment.host?.description
    relevance = Int(assessment.relevance)
    priority = (tree.priority.mean * 1000).rounded() / 1000
    value = Int(assessment.value)
    interest = assessment.interest
    outcome = "\(assessment.outcome)"
    confidence = assessment.confidence
    riskValue = Int(assessment.riskValue)
    grounds = assessment.grounds.map { ReportRow.TermRow($0) }
    ofRelevance = BeliefRow(tree.relevance)
    ofPriority = BeliefRow(tree.priority)
    ofOutcome = BeliefRow(tree.outcome)
    ofConfidence = BeliefRow(tree.confidence)
    belief = BeliefRow(tree.belief)
  }

  /// 0 for a class of another version.
  var classOrder: UInt8 { RankClass.allCases.first { $0.name == self.class }?.rawValue ?? 0 }
}

extension AssessmentRow {
  /// The rank and what it rests on, then the risk, a line each: for `why`.
  func branches(risk: Double, severity: Double, reportConfidence: Double) -> [[String]] {
    let subject = host.map { " for \($0)" } ?? ""
    var lines = [
      "rank \(rank) of 255 (\(self.class))\(subject): relevance \(relevance) of 255, priority "
        + "\(Figures.short(priority)), outcome \(outcome), confidence \(Figures.short(confidence))"
    ]
    lines += grounds.map { "  " + Self.line($0) }
    lines.append(
      "  priority \(Figures.short(priority)) of value \(value) of 5 and interest "
        + Figures.short(interest))
    lines.append(
      "  low medium high: relevance \(Self.shown(ofRelevance)) × priority \(Self.shown(ofPriority)) "
        + "× outcome \(Self.shown(ofOutcome)) × confidence \(Self.shown(ofConfidence)) "
        + "→ \(Self.shown(belief))")
    lines.append(
      "  255 × (\(Figures.short(belief.medium)) / 2 + \(Figures.short(belief.high))) = \(rank)")
    let ofRisk =
      "risk \(Figures.short(risk)) = ⌊value \(riskValue) × priority \(Figures.short(severity / 2)) × "
      + "reliability \(Figures.short(reportConfidence * 10)) / 25⌋"
    return [lines, [ofRisk]]
  }

  private static func line(_ term: ReportRow.TermRow) -> String {
    // A factor below one is easier read as a divisor.
    if term.unit == "times the odds" {
      return term.value < 1
        ? "\(term.name): odds / \(Figures.short(1 / term.value))"
        : "\(term.name): odds × \(Figures.short(term.value))"
    }
    let isPlain = term.unit.isEmpty && term.value == 1
    return isPlain
      ? term.name
      : "\(term.name): \(Figures.short(term.value))" + (term.unit.isEmpty ? "" : " " + term.unit)
  }

  private static func shown(_ belief: BeliefRow) -> String {
    [belief.low, belief.medium, belief.high].map { Figures.short(($0 * 100).rounded() / 100) }
      .joined(separator: " ")
  }
}
