import Analysis
import Hierarchy
import Reports
import Terms

/// How an instance moves from stage to stage.
extension DirectiveEngine {
  /// Shows a report to the instances that it may concern; returns the directives that took it.
  mutating func offer(
    _ sighting: Sighting, _ kind: KindPlan, now: CaptureTime, into sink: inout ReportSink
  ) -> [Int] {
    guard instances.count > 0 else { return [] }
    var entries: [DirectiveInstances.Entry] = []
    func look(_ address: IPPrefix?, isSource: Bool) {
      instances.waiting(
        for: .init(address: address, isSource: isSource), kind.bits, sighting.id, into: &entries)
    }
    // A new revision may be held somewhere, whatever its kind is by now.
    let isNew = sighting.revision == 0
    look(nil, isSource: false)
    if !isNew || kind.waits.bySource {
      for source in sighting.sources { look(source, isSource: true) }
    }
    if !isNew || kind.waits.byTarget {
      for target in sighting.targets { look(target, isSource: false) }
    }
    guard !entries.isEmpty else { return [] }
    if entries.count > 1 { entries.sort() }
    var touched: [Int] = []
    var previous = -1
    for entry in entries where entry.serial != previous {
      previous = entry.serial
      if let directive = show(sighting, kind, to: entry, now: now, into: &sink) {
        if !touched.contains(directive) { touched.append(directive) }
      }
    }
    return touched
  }

  /// A directive never feeds on what it concluded itself.
  private func isOwn(_ sighting: Sighting, _ directive: Int) -> Bool {
    sighting.directive.map { $0 == plan.followed[directive].directive.name } ?? false
  }

  /// The first waiting stage that the report fits takes it, else a stage already passed. The
  /// directive, when it was taken.
  private mutating func show(
    _ sighting: Sighting, _ kind: KindPlan, to entry: DirectiveInstances.Entry, now: CaptureTime,
    into sink: inout ReportSink
  ) -> Int? {
    guard var instance = instances.take(entry) else { return nil }
    let directive = instance.directive
    let keysBefore = instance.keys.count
    let (passed, waiting) = (instance.path.count, instance.waiting.count)
    let isTaken =
      !isOwn(sighting, directive)
      && (revise(sighting, in: &instance, now: now, into: &sink)
        || take(sighting, kind, by: &instance, now: now, into: &sink)
        || sightAgain(sighting, kind, in: &instance, now: now, into: &sink))
    guard !isOver(instance) else {
      settle(&instance, now: now, into: &sink)
      instances.drop(instance, entry)
      return isTaken ? directive : nil
    }
    if isTaken {
      instance.touched = now
      let isWhereItWas = instance.path.count == passed && instance.waiting.count == waiting
      index(&instance, since: isWhereItWas ? sighting : nil)
    }
    let due = due(instance)
    instances.put(
      consume instance, entry, keysBefore: keysBefore, due: due, isTaken ? plan : nil)
    return isTaken ? directive : nil
  }

  private func isOver(_ instance: DirectiveInstance) -> Bool {
    instance.waiting.isEmpty && !instance.isComplete
  }

  /// A further revision of a report that the instance already holds, whatever its kind is by now.
  private mutating func revise(
    _ sighting: Sighting, in instance: inout DirectiveInstance, now: CaptureTime,
    into sink: inout ReportSink
  ) -> Bool {
    guard instance.held & DirectiveInstance.bit(sighting.id) != 0 else { return false }
    for slot in instance.bindings.indices {
      guard instance.bindings[slot]?.revise(sighting) == true else { continue }
      instance.note(sighting)
      noteActivity(&instance, slot)
      tellAgain(&instance, isNew: false, now: now, into: &sink)
      return true
    }
    return false
  }

  private mutating func take(
    _ sighting: Sighting, _ kind: KindPlan, by instance: inout DirectiveInstance,
    now: CaptureTime, into sink: inout ReportSink
  ) -> Bool {
    let nodes = plan.followed[instance.directive].nodes
    for position in instance.waiting.indices {
      let number = instance.waiting[position]
      let node = nodes[number]
      guard node.accepts(kind), let test = node.test,
        instance.path.isEmpty || sighting.first <= instance.entered + node.within,
        test.holds(sighting, places), instance.agrees(sighting, with: node)
      else { continue }
      if node.isAbsence {
        // What must not come has come.
        instance.forgo(position)
        return true
      }
      guard !node.isSimple else {
        reach(number, in: &instance, with: [sighting], now: now, into: &sink)
        return true
      }
      guard instance.groups(sighting, node, position) else { continue }
      guard instance.progress[position].add(sighting, to: node.stage) else {
        // A first stage that counts slides along with what it counts.
        if instance.path.isEmpty { instance.entered = max(instance.entered, sighting.last) }
        return true
      }
      let sightings = instance.progress[position].sightings
      reach(number, in: &instance, with: sightings, now: now, into: &sink)
      return true
    }
    return false
  }

  /// More of a stage already passed: it belongs to this instance and opens no other.
  private mutating func sightAgain(
    _ sighting: Sighting, _ kind: KindPlan, in instance: inout DirectiveInstance,
    now: CaptureTime, into sink: inout ReportSink
  ) -> Bool {
    let followed = plan.followed[instance.directive]
    for number in instance.path.reversed() {
      let node = followed.nodes[number]
      guard node.accepts(kind), let test = node.test, !node.isAbsence,
        test.holds(sighting, places), belongs(sighting, to: instance, node, followed)
      else { continue }
      let isNew = instance.bindings[node.slot]?.add(sighting) ?? false
      if isNew { instance.hold(sighting) }
      noteActivity(&instance, node.slot)
      tellAgain(&instance, isNew: isNew, now: now, into: &sink)
      return true
    }
    return false
  }

  private func belongs(
    _ sighting: Sighting, to instance: DirectiveInstance, _ node: DirectivePlan.Node,
    _ followed: DirectivePlan.Followed
  ) -> Bool {
    guard node.joins.isEmpty else { return instance.agrees(sighting, with: node) }
    let fields = followed.openerFields
    return !fields.isEmpty
      && fields.allSatisfy {
        instance.opener.meets(FieldValues($0, of: sighting), in: $0) == true
      }
  }

  private func noteActivity(_ instance: inout DirectiveInstance, _ slot: Int) {
    guard let node = instance.path.last, plan.node(instance.directive, node).slot == slot,
      let last = instance.bindings[slot]?.last
    else { return }
    instance.entered = max(instance.entered, last)
  }

  /// A second stage: each opening that it continues becomes an instance.
  mutating func fork(
    _ sighting: Sighting, _ kind: KindPlan, except: [Int], now: CaptureTime,
    into sink: inout ReportSink
  ) {
    var found: [OpeningTable.Found] = []
    for number in kind.lookUps.indices { find(number, kind, for: sighting, into: &found) }
    guard !found.isEmpty else { return }
    var roots = RootSet()
    for opening in found { roots.formUnion(opening.roots) }
    var taken = except
    for root in roots.intersection(kind.continued).members {
      for place in kind.starts[root]..<kind.continuations.count {
        let next = kind.continuations[place]
        guard next.root == root else { break }
        guard !taken.contains(next.directive) else { continue }
        let openers = Self.newest(found, by: kind.lookUpOf[place], of: root)
        guard !openers.isEmpty else { continue }
        if continues(next, openers, sighting, kind, now: now, into: &sink) {
          taken.append(next.directive)
        }
      }
    }
  }

  /// Whether the report continues one of the openings; the first that it does makes an instance.
  private mutating func continues(
    _ next: DirectivePlan.Continuation, _ openers: [Sighting], _ sighting: Sighting,
    _ kind: KindPlan, now: CaptureTime, into sink: inout ReportSink
  ) -> Bool {
    let followed = plan.followed[next.directive]
    let node = followed.nodes[next.node]
    guard let test = node.test, test.holds(sighting, places), !isOwn(sighting, next.directive)
    else { return false }
    for opening in openers {
      guard opening.id != sighting.id, sighting.first <= opening.last + node.within,
        !isOwn(opening, next.directive)
      else { continue }
      var instance = DirectiveInstance(followed, opener: opening, now: now)
      reach(next.entry, in: &instance, with: [opening], now: now, into: &sink)
      guard take(sighting, kind, by: &instance, now: now, into: &sink) else { continue }
      if !isOver(instance) {
        index(&instance)
        let due = due(instance)
        instances.add(consume instance, due: due, plan)
      }
      return true
    }
    return false
  }

  /// Adds the openings that a look-up finds, of all roots, by each address in turn.
  private func find(
    _ lookUp: Int, _ kind: KindPlan, for sighting: Sighting, into found: inout [OpeningTable.Found]
  ) {
    let way = kind.lookUps[lookUp]
    guard let field = way.field else {
      openings.find(.anywhere, of: kind.continued, place: (lookUp, 0), into: &found)
      return
    }
    for (number, address) in sighting.addresses(field).enumerated() {
      openings.find(
        way.other == .source ? .source(address) : .target(address), of: kind.continued,
        place: (lookUp, number), into: &found)
    }
  }

  /// Of those that a look-up found and that opened a root the two newest of each address.
  private static func newest(
    _ found: [OpeningTable.Found], by lookUp: Int, of root: Int
  ) -> [Sighting] {
    var list: [Sighting] = []
    var (address, count) = (-1, 0)
    for opening in found
    where opening.place.lookUp == lookUp && opening.roots.contains(root) {
      if opening.place.address != address { (address, count) = (opening.place.address, 0) }
      count += 1
      if count <= 2 { list.append(opening.sighting) }
    }
    return list
  }

  /// A first stage that makes an instance at once.
  mutating func open(
    _ sighting: Sighting, _ kind: KindPlan, _ entry: DirectivePlan.Entry, now: CaptureTime,
    into sink: inout ReportSink
  ) {
    let followed = plan.followed[entry.directive]
    let node = followed.nodes[entry.node]
    guard let test = node.test, test.holds(sighting, places), !isOwn(sighting, entry.directive)
    else { return }
    if !entry.questions.isEmpty,
      !entry.questions.contains(where: { isAnswered($0, sighting, slot: node.slot) })
    {
      return
    }
    var instance = DirectiveInstance(followed, opener: sighting, now: now)
    instance.wait(for: [entry.node], isCounted: !node.isSimple)
    guard take(sighting, kind, by: &instance, now: now, into: &sink), !isOver(instance) else {
      return
    }
    index(&instance)
    let due = due(instance)
    instances.add(consume instance, due: due, plan)
  }
}
