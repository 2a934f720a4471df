import Analysis
import Hierarchy
import Reports
import Terms

/// How an instance moves from stage to stage.
extension DirectiveEngine {
  /// Shows a report to the instances that it may concern; returns the directives that took it.
  mutating func offer(
    _ sighting: Sighting, now: CaptureTime, into sink: inout ReportSink
  ) -> Set<Int> {
    var touched: Set<Int> = []
    guard instances.count > 0 else { return touched }
    let report = sighting.report
    let kind = plan.bits(of: report.kind)
    var entries: [DirectiveInstances.Entry] = []
    func look(_ address: IPPrefix?, isSource: Bool) {
      instances.waiting(
        for: .init(address: address, isSource: isSource), kind, report.id, plan, into: &entries)
    }
    look(nil, isSource: false)
    for source in report.sources.listed { look(source, isSource: true) }
    for target in report.targets.listed { look(target, isSource: false) }
    guard !entries.isEmpty else { return touched }
    if entries.count > 1 { entries.sort() }
    var previous = -1
    for entry in entries where entry.serial != previous {
      previous = entry.serial
      if let directive = show(sighting, kind, to: entry, now: now, into: &sink) {
        touched.insert(directive)
      }
    }
    return touched
  }

  /// A directive never feeds on what it concluded itself.
  private func isOwn(_ report: Report, _ directive: Int) -> Bool {
    report.attributes[Directive.attribute] == .text(plan.directives[directive].name)
  }

  /// The first waiting stage that the report fits takes it, else a stage already passed. The
  /// directive, when it was taken.
  private mutating func show(
    _ sighting: Sighting, _ kind: KindBits, to entry: DirectiveInstances.Entry, now: CaptureTime,
    into sink: inout ReportSink
  ) -> Int? {
    guard var instance = instances.take(entry) else { return nil }
    let keysBefore = instance.keys.count
    let (passed, waiting) = (instance.path, instance.waiting)
    let isTaken =
      !isOwn(sighting.report, instance.directive)
      && (revise(sighting, in: &instance, now: now, into: &sink)
        || take(sighting, kind, by: &instance, now: now, into: &sink)
        || sightAgain(sighting, kind, in: &instance, now: now, into: &sink))
    guard !isOver(instance) else {
      settle(&instance, now: now, into: &sink)
      instances.drop(instance, entry)
      return isTaken ? instance.directive : nil
    }
    if isTaken {
      instance.touched = now
      let isWhereItWas = instance.path == passed && instance.waiting == waiting
      index(&instance, since: isWhereItWas ? sighting : nil)
    }
    instances.put(
      instance, entry, adding: instance.keys.dropFirst(keysBefore), due: due(instance),
      isTaken ? plan : nil)
    return isTaken ? instance.directive : nil
  }

  private func isOver(_ instance: DirectiveInstance) -> Bool {
    instance.waiting.isEmpty && !instance.isComplete
  }

  /// A further revision of a report that the instance already holds, whatever its kind is by now.
  private mutating func revise(
    _ sighting: Sighting, in instance: inout DirectiveInstance, now: CaptureTime,
    into sink: inout ReportSink
  ) -> Bool {
    guard instance.held & DirectiveInstance.bit(sighting.report.id) != 0 else { return false }
    for slot in instance.bindings.indices {
      guard instance.bindings[slot]?.holds(sighting.report.id) == true else { continue }
      _ = instance.bindings[slot]?.add(sighting)
      noteActivity(&instance, slot)
      tellAgain(&instance, isNew: false, now: now, into: &sink)
      return true
    }
    return false
  }

  private mutating func take(
    _ sighting: Sighting, _ kind: KindBits, by instance: inout DirectiveInstance, now: CaptureTime,
    into sink: inout ReportSink
  ) -> Bool {
    let report = sighting.report
    for (position, node) in instance.waiting.enumerated()
    where plan.takes(kind, instance.directive, node) {
      let stage = plan.stage(instance.directive, node)
      guard case .report(let test) = stage.test, test.accepts(report.kind),
        instance.path.isEmpty || report.first <= instance.entered + stage.within,
        test.holds(report, places), instance.agrees(report, with: stage)
      else { continue }
      if stage.isAbsence {
        // What must not come has come.
        instance.waiting.remove(at: position)
        instance.progress.remove(at: position)
        return true
      }
      guard instance.groups(report, stage, instance.progress[position]) else { continue }
      guard instance.progress[position].add(sighting, to: stage) else {
        // A first stage that counts slides along with what it counts.
        if instance.path.isEmpty { instance.entered = max(instance.entered, report.last) }
        return true
      }
      let sightings = instance.progress[position].sightings
      reach(node, in: &instance, with: sightings, now: now, into: &sink)
      return true
    }
    return false
  }

  /// More of a stage already passed: it belongs to this instance and opens no other.
  private mutating func sightAgain(
    _ sighting: Sighting, _ kind: KindBits, in instance: inout DirectiveInstance, now: CaptureTime,
    into sink: inout ReportSink
  ) -> Bool {
    let report = sighting.report
    for node in instance.path.reversed() where plan.takes(kind, instance.directive, node) {
      let stage = plan.stage(instance.directive, node)
      guard case .report(let test) = stage.test, !stage.isAbsence, test.accepts(report.kind),
        test.holds(report, places), belongs(report, to: instance, stage)
      else { continue }
      let isNew = instance.bindings[stage.slot]?.add(sighting) ?? false
      if isNew { instance.hold(report.id) }
      noteActivity(&instance, stage.slot)
      tellAgain(&instance, isNew: isNew, now: now, into: &sink)
      return true
    }
    return false
  }

  private func belongs(
    _ report: Report, to instance: DirectiveInstance, _ stage: Stage
  ) -> Bool {
    guard stage.joins.isEmpty else { return instance.agrees(report, with: stage) }
    let fields = plan.openerFields[instance.directive]
    return !fields.isEmpty
      && fields.allSatisfy {
        FieldValues($0, of: report).meets(FieldValues($0, of: instance.opener.report))
      }
  }

  private func noteActivity(_ instance: inout DirectiveInstance, _ slot: Int) {
    guard let node = instance.path.last, plan.stage(instance.directive, node).slot == slot,
      let last = instance.bindings[slot]?.last
    else { return }
    instance.entered = max(instance.entered, last)
  }

  /// A second stage: each opening that it continues becomes an instance.
  mutating func fork(
    _ sighting: Sighting, _ continuations: [DirectivePlan.Continuation], except: Set<Int>,
    now: CaptureTime, into sink: inout ReportSink
  ) {
    var taken = except
    let report = sighting.report
    let kind = plan.bits(of: report.kind)
    var looked: DirectivePlan.Continuation?
    var openers: [Sighting] = []
    for next in continuations {
      // Those of one lookup stand together.
      if looked?.leads(where: next) != true {
        openers = self.openers(next, of: report)
        looked = next
      }
      guard !openers.isEmpty, !taken.contains(next.directive) else { continue }
      let stage = plan.stage(next.directive, next.node)
      guard case .report(let test) = stage.test, test.holds(report, places),
        !isOwn(report, next.directive)
      else { continue }
      for opening in openers {
        guard opening.report.id != report.id, report.first <= opening.report.last + stage.within,
          !isOwn(opening.report, next.directive)
        else { continue }
        let directive = plan.directives[next.directive]
        var instance = DirectiveInstance(
          directive, index: next.directive, opener: opening, now: now)
        reach(next.entry, in: &instance, with: [opening], now: now, into: &sink)
        guard take(sighting, kind, by: &instance, now: now, into: &sink) else { continue }
        taken.insert(next.directive)
        if !isOver(instance) {
          index(&instance)
          instances.add(instance, due: due(instance), plan)
        }
        break
      }
    }
  }

  private func openers(
    _ next: DirectivePlan.Continuation, of report: Report
  ) -> [Sighting] {
    guard let field = next.field else {
      let found = openings.find(next.root, nil, nil)
      return [found.0, found.1].compactMap { $0 }
    }
    var list: [Sighting] = []
    for address in (field == .source ? report.sources : report.targets).listed {
      let found = openings.find(next.root, address, next.other)
      if let last = found.0 { list.append(last) }
      if let before = found.1 { list.append(before) }
    }
    return list
  }

  /// A first stage that makes an instance at once.
  mutating func open(
    _ sighting: Sighting, _ entry: DirectivePlan.Entry, now: CaptureTime,
    into sink: inout ReportSink
  ) {
    let stage = plan.stage(entry.directive, entry.node)
    guard case .report(let test) = stage.test, test.holds(sighting.report, places),
      !isOwn(sighting.report, entry.directive)
    else { return }
    let directive = plan.directives[entry.directive]
    var instance = DirectiveInstance(
      directive, index: entry.directive, opener: sighting, now: now)
    wait(for: [entry.node], in: &instance)
    let kind = plan.bits(of: sighting.report.kind)
    guard take(sighting, kind, by: &instance, now: now, into: &sink), !isOver(instance) else {
      return
    }
    index(&instance)
    instances.add(instance, due: due(instance), plan)
  }

  func wait(for nodes: [Int], in instance: inout DirectiveInstance) {
    instance.waiting = nodes
    instance.progress = nodes.map { _ in StageProgress() }
  }
}
