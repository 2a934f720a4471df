import Analysis
import Hierarchy
import Reports
import Terms

/// What a directive concludes.
extension DirectiveEngine {
  /// Least event time between two revisions that bring nothing new in kind.
  private static let revisionGap = TimeSpan.seconds(30)
  /// Reports up to which the gaps hold. Of more they grow along, since to tell costs as much as there
  /// are: what one report costs does not depend on how many came before it.
  private static let fewReports = 16

  /// Revises what was told: soon for a new report, now and then for more of the same. A new stage is
  /// told at once, by `reach`.
  mutating func tellAgain(
    _ instance: inout DirectiveInstance, isNew: Bool, now: CaptureTime,
    into sink: inout ReportSink
  ) {
    guard let told = instance.told else { return }
    let gap = isNew ? settling : Self.revisionGap
    let next = told.emitted + gap.stretched(by: instance.sightingCount, beyond: Self.fewReports)
    if next <= now {
      tell(&instance, now: now, into: &sink)
    } else if isNew {
      instance.retell = min(instance.retell ?? next, next)
    }
  }

  /// Tells what waits to be told, before the instance goes or once its time has come.
  mutating func settle(
    _ instance: inout DirectiveInstance, now: CaptureTime, into sink: inout ReportSink
  ) {
    if instance.retell != nil { tell(&instance, now: now, into: &sink) }
  }

  mutating func tell(
    _ instance: inout DirectiveInstance, now: CaptureTime, into sink: inout ReportSink
  ) {
    instance.retell = nil
    let directive = plan.directives[instance.directive]
    let sightings = instance.path.flatMap { node in
      instance.bindings[plan.stage(instance.directive, node).slot]?.sightings ?? []
    }
    guard let firstSighting = sightings.first else { return }
    let first = sightings.reduce(firstSighting.report.first) { min($0, $1.report.first) }
    let last = sightings.reduce(firstSighting.report.last) { max($0, $1.report.last) }
    var report =
      instance.told
      ?? sink.opening(
        directive.kind, subject: "\(directive.name) \(instance.opener.report.id)", first: first,
        last: last, at: now, severity: 0, confidence: 0)
    if instance.told != nil { report.revision &+= 1 }
    report.emitted = now
    report.first = min(report.first, first)
    report.last = max(report.last, last)
    report.severity = Double(2 * instance.priority)
    report.confidence = Double(instance.reliability) / 10
    var grounds = Grounds()
    for sighting in sightings {
      report.sources.formUnion(sighting.report.sources)
      report.targets.formUnion(sighting.report.targets)
      grounds.add(sighting)
    }
    let ports = Set(sightings.flatMap(\.report.ports)).sorted()
    report.ports = Array(ports.prefix(Report.Limit.ports))
    let transports = Set(sightings.map(\.report.transport))
    report.transport = transports.count == 1 ? transports.first ?? nil : nil
    report.terms = terms(instance)
    describe(&report, instance, directive, sightings)
    grounds.apply(to: &report)
    instance.told = report
    sink.emit(report)
  }

  private func describe(
    _ report: inout Report, _ instance: DirectiveInstance, _ directive: Directive,
    _ sightings: [Sighting]
  ) {
    var families: [String] = []
    for sighting in sightings {
      let own: [String]
      if case .text(let stages)? = sighting.report.attributes["stages"] {
        own = stages.split(separator: ",").map(String.init)
      } else {
        own = [String(sighting.report.kind.family)]
      }
      for family in own where !families.contains(family) { families.append(family) }
    }
    var attributes: [(String, AttributeValue)] = [
      (Directive.attribute, .text(directive.name)),
      ("stages", .text(families.joined(separator: ","))),
      ("steps", .count(UInt64(instance.path.count))),
      ("duration", .duration(report.last - report.first)),
      ("techniques", .text(directive.techniques.joined(separator: ","))),
      // A conclusion from conclusions feeds no further directive.
      ("depth", .count(sightings.contains { $0.isOwn } ? 2 : 1)),
    ]
    if let root = instance.opener.report.sources.listed.first {
      attributes.append(("root", .address(root.base)))
    }
    context.describe(&report, attributes)
  }

  /// A term per stage reached, with what it was held against, and what came of it.
  private func terms(_ instance: DirectiveInstance) -> [Term] {
    let directive = plan.directives[instance.directive]
    var terms: [Term] = []
    var before: CaptureTime?
    for (number, node) in instance.path.enumerated() {
      let stage = plan.stage(instance.directive, node)
      guard let binding = instance.bindings[stage.slot] else { continue }
      let name = "stage \(number + 1), \(directive.slots[stage.slot])"
      switch stage.test {
      case .report where stage.isAbsence:
        terms.append(Term("\(name): nothing came for", stage.within.seconds, unit: "s"))
      case .report:
        let kinds = Set(binding.sightings.map(\.report.kind.text)).sorted()
        terms.append(
          Term(
            "\(name): \(kinds.joined(separator: ", "))", Double(binding.sightings.count),
            threshold: Double(stage.count), unit: "reports"))
        let first = binding.sightings.map(\.report.first).min() ?? binding.reached
        if let before {
          let gap = max(0, (first - before).seconds)
          terms.append(
            Term("\(name): after", gap, threshold: stage.within.seconds, unit: "s"))
        }
      case .ask:
        terms.append(
          Term(
            "\(name): asked, answered by", Double(binding.answers?.count ?? 0), threshold: 1,
            unit: "addresses"))
      }
      before = binding.last
    }
    terms = Array(terms.prefix(Report.Limit.terms - 3))
    terms.append(Term("priority", Double(instance.priority), unit: "of 5"))
    terms.append(Term("reliability", Double(instance.reliability), unit: "of 10"))
    var least: Double?
    if case .risk(let bound) = directive.telling { least = Double(bound) }
    terms.append(Term("risk", Double(risk(instance)), threshold: least, unit: "of 10"))
    return terms
  }
}

extension Grounds {
  /// A monitor's own conclusion is in no archive: what it rests on stands for it.
  mutating func add(_ sighting: Sighting) {
    guard sighting.isOwn else {
      add(sighting.report)
      return
    }
    add(resting: sighting.report)
  }
}
