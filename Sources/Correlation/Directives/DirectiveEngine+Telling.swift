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
    let directive = plan.followed[instance.directive].directive
    var sightings: [Sighting] = []
    for node in instance.path {
      guard let binding = instance.bindings[plan.node(instance.directive, node).slot] else {
        continue
      }
      sightings += binding.sightings
    }
    guard let opening = sightings.first else { return }
    let first = sightings.reduce(opening.first) { min($0, $1.first) }
    let last = sightings.reduce(opening.last) { max($0, $1.last) }
    let isNew = instance.told == nil
    var report =
      instance.told
      ?? sink.opening(
        directive.kind, subject: "\(directive.name) \(instance.opener.id)", first: first,
        last: last, at: now, severity: 0, confidence: 0)
    if !isNew { report.revision &+= 1 }
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
    report.ports = Self.ports(sightings)
    let transport = opening.report.transport
    report.transport = sightings.allSatisfy { $0.report.transport == transport } ? transport : nil
    report.terms = terms(instance)
    let changing: [(String, AttributeValue)] = [
      ("stages", .text(Self.families(sightings))),
      ("steps", .count(UInt64(instance.path.count))),
      ("duration", .duration(report.last - report.first)),
      // A conclusion from conclusions feeds no further directive.
      ("depth", .count(sightings.contains { $0.isOwn } ? 2 : 1)),
    ]
    if isNew {
      context.describe(&report, changing + Self.lasting(instance, directive))
    } else {
      for (name, value) in changing where report.attributes[name].map({ $0 != value }) ?? false {
        report.attributes[name] = value
      }
    }
    grounds.apply(to: &report)
    instance.told = report
    sink.emit(report)
  }

  private static func ports(_ sightings: [Sighting]) -> [UInt16] {
    guard let first = sightings.first?.report.ports else { return [] }
    if sightings.allSatisfy({ $0.report.ports == first }) { return first }
    return Array(Set(sightings.flatMap(\.report.ports)).sorted().prefix(Report.Limit.ports))
  }

  /// The families of what was seen, in order.
  private static func families(_ sightings: [Sighting]) -> String {
    var families: [String] = []
    for sighting in sightings {
      let kind = sighting.report.kind
      guard case .text(let stages)? = sighting.report.attributes["stages"] else {
        if !families.contains(kind.family) { families.append(kind.family) }
        continue
      }
      for family in stages.split(separator: ",") where !families.contains(where: { $0 == family }) {
        families.append(String(family))
      }
    }
    return families.joined(separator: ",")
  }

  /// What stays as it is however far a directive comes.
  private static func lasting(
    _ instance: DirectiveInstance, _ directive: Directive
  ) -> [(String, AttributeValue)] {
    var attributes: [(String, AttributeValue)] = [
      (Directive.attribute, .text(directive.name)),
      ("techniques", .text(directive.techniques.joined(separator: ","))),
    ]
    if let root = instance.opener.sources.first {
      attributes.append(("root", .address(root.base)))
    }
    return attributes
  }

  /// A term per stage reached, with what it was held against, and what came of it.
  private func terms(_ instance: DirectiveInstance) -> [Term] {
    let followed = plan.followed[instance.directive]
    var terms: [Term] = []
    var before: CaptureTime?
    for (number, node) in instance.path.enumerated() {
      let stage = followed.nodes[node].stage
      guard let binding = instance.bindings[stage.slot] else { continue }
      let name = "stage \(number + 1), \(followed.directive.slots[stage.slot])"
      switch stage.test {
      case .report where stage.isAbsence:
        terms.append(Term("\(name): nothing came for", stage.within.seconds, unit: "s"))
      case .report:
        terms.append(
          Term(
            "\(name): \(Self.kinds(binding))", Double(binding.count),
            threshold: Double(stage.count), unit: "reports"))
        if let before {
          let gap = max(0, (binding.first - before).seconds)
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
    if terms.count > Report.Limit.terms - 3 {
      terms.removeLast(terms.count - (Report.Limit.terms - 3))
    }
    terms.append(Term("priority", Double(instance.priority), unit: "of 5"))
    terms.append(Term("reliability", Double(instance.reliability), unit: "of 10"))
    var least: Double?
    if case .risk(let bound) = followed.directive.telling { least = Double(bound) }
    terms.append(Term("risk", Double(risk(instance)), threshold: least, unit: "of 10"))
    return terms
  }

  private static func kinds(_ binding: StageBinding) -> String {
    guard let first = binding.sightings.first?.report.kind else { return "" }
    if binding.sightings.allSatisfy({ $0.report.kind == first }) { return first.text }
    return Set(binding.sightings.map(\.report.kind.text)).sorted().joined(separator: ", ")
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
