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
  /// Whether an incident was sent.
  let isOpen: Bool
  /// Whether the leading conclusion is of something odd only.
  let isAnomaly: Bool
  let leadSpan: Span
  let explanationSpan: Span
  let leadRank: Int8
  /// The case's conclusions, and which of them leads and which explains most.
  private let conclusions: [Report]
  private let leading: Int32
  private let largest: Int32
  private let facts: Explanation.Facts

  var lead: Report { conclusions[Int(leading)] }
  var explanation: Explanation { Explanation(conclusions[Int(largest)], facts) }

  init(
    opened: CaptureTime, opener: ReportID, isOpen: Bool, conclusions: [Report], leading: Int,
    largest: Int
  ) {
    self.opened = opened
    self.opener = opener
    self.isOpen = isOpen
    self.conclusions = conclusions
    self.leading = Int32(leading)
    self.largest = Int32(largest)
    facts = Explanation.Facts(conclusions[largest])
    let lead = conclusions[leading]
    leadRank = Int8(leading == largest ? facts.rank : Explanation.rank(lead))
    isAnomaly = Explanation.isAnomaly(lead.kind)
    leadSpan = Span(lead)
    explanationSpan = leading == largest ? leadSpan : Span(conclusions[largest])
  }

  /// The earlier opened.
  static func precedes(_ left: CaseGist, _ right: CaseGist) -> Bool {
    (left.opened, left.opener) < (right.opened, right.opener)
  }
}
