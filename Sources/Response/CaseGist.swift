import Reports
import Terms

/// What is asked of a case before all else, apart from the case: most candidates are out of the
/// question by their times alone. Never part of a state, since the case says it all.
struct CaseGist: Sendable {
  /// When something was seen.
  struct Span: Sendable {
    var first: CaptureTime
    var last: CaptureTime
    private var isRecon: Bool

    init(_ report: Report) {
      first = report.first
      last = report.last
      isRecon = Explanation.isRecon(report.kind)
    }

    /// Whether two reports of one attack can lie so.
    func meets(_ other: Span) -> Bool {
      let slack = isRecon && other.isRecon ? Explanation.scanSlack : Explanation.slack
      return first - slack <= other.last && other.first - slack <= last
    }
  }

  let opened: CaptureTime
  /// The conclusion that opened it.
  let opener: ReportID
  private(set) var leadSpan: Span
  private(set) var explanationSpan: Span
  /// Whether an incident was sent.
  var isOpen: Bool
  /// Whether the leading conclusion is of something odd only.
  let isAnomaly: Bool
  let leadRank: Int8
  /// Of the conclusion that explains most.
  let facts: Explanation.Facts

  init(_ incident: IncidentCase) {
    opened = incident.opened
    opener = incident.opener
    isOpen = incident.isOpen
    let (lead, explanation) = (incident.lead, incident.explanation)
    facts = Explanation.Facts(explanation)
    let isOne = lead.id == explanation.id
    leadRank = Int8(isOne ? facts.rank : Explanation.rank(lead))
    isAnomaly = Explanation.isAnomaly(lead.kind)
    leadSpan = Span(lead)
    explanationSpan = isOne ? leadSpan : Span(explanation)
  }

  /// The gist of a case that opens with a conclusion.
  init(_ conclusion: Report, _ facts: Explanation.Facts, opened: CaptureTime) {
    self.opened = opened
    opener = conclusion.id
    isOpen = false
    self.facts = facts
    leadRank = Int8(facts.rank)
    isAnomaly = Explanation.isAnomaly(conclusion.kind)
    leadSpan = Span(conclusion)
    explanationSpan = leadSpan
  }

  /// Takes the times of a case that is otherwise what it was.
  mutating func prolong(_ change: IncidentCase.Change) {
    (leadSpan.first, leadSpan.last) = change.lead
    (explanationSpan.first, explanationSpan.last) = change.explanation
  }

  /// The earlier opened.
  static func precedes(_ left: CaseGist, _ right: CaseGist) -> Bool {
    (left.opened, left.opener) < (right.opened, right.opener)
  }
}
