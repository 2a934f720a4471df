import Reports
import Terms

/// What is told of a case.
extension IncidentCase {
  /// Takes over what was told as another incident: its row is to go, since all that it said is here.
  mutating func takeOver(_ other: IncidentCase, _ fields: CaseFields) {
    let words = other.lastWords(fields)
    let farewells = (other.several.first?.farewells ?? []) + words
    guard !farewells.isEmpty else { return }
    prepareForSeveral()
    several[0].farewells = Array(
      (several[0].farewells + farewells).prefix(Self.conclusionLimit))
  }

  /// The revision that ends it, not yet timed; nothing when it was never told.
  private func lastWords(_ fields: CaseFields) -> [Report] {
    guard let told else { return [] }
    var report = facts(fields)
    report.reportClass = .incident
    if report.summary != nil { report.summary = nil }
    report.id = told.id
    report.revision = told.revision &+ 1
    report.raised = told.raised
    return [report]
  }

  /// The incident as it now stands, not yet named or timed.
  private func facts(_ fields: CaseFields) -> Report {
    guard let joined else { return lead }
    var facts = CaseFacts(lead)
    let (id, conclusions) = (facts.report.id, conclusions)
    for conclusion in conclusions where conclusion.id != id { facts.add(conclusion) }
    // A chained campaign holds them already, and has chosen which to name.
    if !Explanation.isChained(facts.report) {
      let family = conclusions.lazy.filter { $0.kind.family == joined.family }
      facts.report.sources = joined.sources.naming(family.map(\.sources))
      facts.report.targets = joined.targets.naming(family.map(\.targets))
    }
    facts.report.severity = joined.severity
    var report = facts.report
    for conclusion in conclusions where conclusion.id != id && Explanation.staysInFamily(conclusion)
    {
      report.terms = Array((report.terms + conclusion.terms).prefix(Report.Limit.terms))
      aggregate(conclusion, into: &report, fields)
    }
    return report
  }

  /// What its reasons say beyond it, as far as its kind can say that too.
  private func aggregate(_ reason: Report, into report: inout Report, _ fields: CaseFields) {
    guard report.kind != .multiStage, let known = fields.schema?.kinds[report.kind]?.fields
    else { return }
    let attributes = reason.attributes
    if Explanation.namesActor(reason) {
      // Who sees more hosts follows an actor farther back.
      for name in Explanation.actorFields { report.attributes[name] = nil }
    }
    for (name, value) in attributes
    where report.attributes[name] == nil && known[name] == value.type {
      report.attributes[name] = value
    }
  }

  /// Who tells of incidents.
  struct Teller: Sendable, Codable {
    let monitor: MonitorName
    let tier: Tier
    let exercise: String?

    func sign(_ report: inout Report, at now: CaptureTime) {
      report.monitor = monitor
      report.tier = tier
      if report.exercise != exercise { report.exercise = exercise }
      report.emitted = now
    }
  }

  /// The opening or next revision, sent at `now`, and last words on what has become part of it.
  mutating func emit(
    now: CaptureTime, _ teller: Teller, _ fields: CaseFields, into output: inout [Report]
  ) {
    var report = facts(fields)
    report.reportClass = .incident
    teller.sign(&report, at: now)
    if let told {
      report.id = told.id
      report.revision = told.revision &+ 1
      report.raised = told.raised
    } else {
      report.id = ReportID(
        monitor: teller.monitor, kind: report.kind, subject: "incident of ", about: opener,
        opened: opened, exercise: teller.exercise)
      report.revision = 0
      report.raised = now
    }
    if report.summary != nil { report.summary = nil }
    let reading =
      isWordless && later.isEmpty
      ? OutcomeReading(wordless: initial, fields) : OutcomeReading(conclusions, fields)
    let assessment = Ranking(fields).assess(report, reading, before: told?.rankClass) {
      conclusions
    }
    report.assessment = assessment
    told = Told(
      id: report.id, revision: report.revision, rankClass: assessment.rankClass,
      raised: report.raised, emitted: now, kind: report.kind, severity: report.severity,
      sources: Int32(clamping: report.sources.count),
      targets: Int32(clamping: report.targets.count))
    due = .distantFuture
    let id = report.id
    output.append(report)
    guard !several.isEmpty, !several[0].farewells.isEmpty else { return }
    for var farewell in several[0].farewells {
      teller.sign(&farewell, at: now)
      farewell.partOf = id
      output.append(farewell)
    }
    several[0].farewells = []
  }
}
