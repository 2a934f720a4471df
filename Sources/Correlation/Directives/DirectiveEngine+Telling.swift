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
    guard let told = instance.told?.emitted else { return }
    let gap = isNew ? settling : Self.revisionGap
    let next = told + gap.stretched(by: instance.sightingCount, beyond: Self.fewReports)
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
    let isNew = !instance.isTold
    let sightings = isNew ? bound(instance) : instance.takeUntold()
    let directive = plan.followed[instance.directive].directive
    var report: Report
    if let told = instance.told {
      report = told
      report.revision &+= 1
    } else {
      guard let first = sightings.first else { return }
      report = sink.opening(
        directive.kind, subject: "\(directive.name) \(instance.opener.id)",
        first: sightings.reduce(first.first) { min($0, $1.first) },
        last: sightings.reduce(first.last) { max($0, $1.last) }, at: now, severity: 0,
        confidence: 0)
      report.transport = first.report.transport
    }
    report.emitted = now
    report.severity = Double(2 * instance.priority)
    report.confidence = Double(instance.reliability) / 10
    var gist = instance.gist.popLast() ?? DirectiveGist()
    gist.add(sightings, to: &report)
    report.terms = terms(instance, worth: gist.worth)
    let changing: [(String, AttributeValue)] = [
      ("stages", .text(gist.families.joined(separator: ","))),
      ("steps", .count(UInt64(instance.path.count))),
      ("duration", .duration(report.last - report.first)),
      // A conclusion from conclusions feeds no further directive.
      ("depth", .count(gist.isDeep ? 2 : 1)),
    ]
    if isNew {
      site.context.describe(&report, changing + Self.lasting(instance, directive))
    } else {
      for (name, value) in changing where report.attributes[name].map({ $0 != value }) ?? false {
        report.attributes[name] = value
      }
    }
    instance.gist.append(gist)
    instance.told = report
    sink.emit(report)
  }

  /// All reports that the stages passed are bound to, in their order.
  private func bound(_ instance: DirectiveInstance) -> [Sighting] {
    var sightings: [Sighting] = []
    for node in instance.path {
      guard let binding = instance.bindings[plan.node(instance.directive, node).slot] else {
        continue
      }
      sightings += binding.sightings
    }
    return sightings
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
  private func terms(_ instance: DirectiveInstance, worth: Int) -> [Term] {
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
    terms.append(Term("risk", Double(instance.risk(worth: worth)), threshold: least, unit: "of 10"))
    return terms
  }

  private static func kinds(_ binding: StageBinding) -> String {
    guard let first = binding.sightings.first?.report.kind else { return "" }
    if binding.sightings.allSatisfy({ $0.report.kind == first }) { return first.text }
    return Set(binding.sightings.map(\.report.kind.text)).sorted().joined(separator: ", ")
  }
}
