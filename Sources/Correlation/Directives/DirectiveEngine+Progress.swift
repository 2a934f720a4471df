import Analysis
import Hierarchy
import Reports
import Terms

/// Reaching stages, questions, deadlines, and where an instance is found.
extension DirectiveEngine {
  mutating func reach(
    _ node: Int, in instance: inout DirectiveInstance, with sightings: [Sighting],
    now: CaptureTime, answers: [IPPrefix]? = nil, into sink: inout ReportSink
  ) {
    let reached = plan.node(instance.directive, node)
    var binding = StageBinding(reached: instance.entered)
    binding.answers = answers
    for sighting in sightings where binding.add(sighting) { instance.hold(sighting) }
    let last = binding.last
    instance.path.append(node)
    instance.bindings[reached.slot] = binding
    if sightings.isEmpty {
      // A question or an absence takes its time.
      instance.entered = instance.entered + reached.patience
    } else {
      instance.entered = max(instance.entered, last)
    }
    if let change = reached.priority {
      instance.priority = change.applied(to: instance.priority, within: Directive.priorities)
    }
    if let change = reached.reliability {
      instance.reliability = change.applied(
        to: instance.reliability, within: Directive.reliabilities)
    }
    instance.wait(for: reached.next, isCounted: reached.isCountedNext)
    instance.isComplete = instance.isComplete || reached.isEnd
    if instance.isTold || isWorthTelling(instance, reached.slot) {
      tell(&instance, now: now, into: &sink)
    }
    if reached.asksNext {
      ask(&instance, isDue: { $0.patience == .zero }, now: now, into: &sink)
    }
  }

  private func isWorthTelling(_ instance: DirectiveInstance, _ reached: Int) -> Bool {
    switch plan.followed[instance.directive].directive.telling {
    case .complete: instance.isComplete
    case .slot(let slot): reached == slot || instance.isComplete
    case .risk(let least): risk(instance) >= least
    }
  }

  /// OSSIM's risk, with the most valuable of the parties.
  private func risk(_ instance: DirectiveInstance) -> Int {
    let worth = instance.bindings.reduce(0) { value, binding in
      binding?.sightings.reduce(value) { max($0, $1.worth) } ?? value
    }
    return instance.risk(worth: worth)
  }

  /// Answers the questions that are due; the first with a yes is reached, the others are over.
  private mutating func ask(
    _ instance: inout DirectiveInstance, isDue: (DirectivePlan.Node) -> Bool, now: CaptureTime,
    into sink: inout ReportSink
  ) {
    var position = 0
    while position < instance.waiting.count {
      let node = instance.waiting[position]
      let waited = plan.node(instance.directive, node)
      guard let question = waited.question, isDue(waited) else {
        position += 1
        continue
      }
      let answers = self.answers(question, instance)
      guard answers.isEmpty else {
        reach(node, in: &instance, with: [], now: now, answers: answers, into: &sink)
        return
      }
      instance.forgo(position)
    }
  }

  /// The addresses for which the answer is yes.
  private func answers(_ question: Question, _ instance: DirectiveInstance) -> [IPPrefix] {
    let asked = instance.addresses(question.of.reference, question.of.field)
    let ports = question.port.map { instance.ports($0.reference) } ?? []
    return asked.filter { isYes(question.subject, $0, ports) }
  }

  /// Whether a question has a yes for a report that has just reached the first stage, in this slot.
  func isAnswered(_ question: Question, _ sighting: Sighting, slot: Int) -> Bool {
    func isHeld(_ reference: Join.Reference) -> Bool {
      reference == .opener || reference == .slot(slot)
    }
    guard isHeld(question.of.reference) else { return false }
    let ports = question.port.map { isHeld($0.reference) ? sighting.report.ports : [] } ?? []
    return sighting.addresses(question.of.field).contains { isYes(question.subject, $0, ports) }
  }

  private func isYes(_ subject: Question.Subject, _ address: IPPrefix, _ ports: [UInt16]) -> Bool {
    switch subject {
    case .asset(let place): places.holds(place, address)
    case .host(let answers): services.answers(address.base) == answers
    case .service(let isUp): ports.contains { services.isUp(address.base, $0) == isUp }
    }
  }

  /// An instance's deadline has come: questions are asked, absences are certain, waits are over.
  mutating func elapse(
    _ entry: DirectiveInstances.Entry, now: CaptureTime, into sink: inout ReportSink
  ) {
    guard var instance = instances.take(entry) else { return }
    let keysBefore = instance.keys.count
    if let retell = instance.retell, retell <= now { settle(&instance, now: now, into: &sink) }
    ask(
      &instance,
      isDue: { [entered = instance.entered, delay] in entered + $0.patience + delay <= now },
      now: now, into: &sink)
    var position = 0
    while position < instance.waiting.count {
      let node = instance.waiting[position]
      guard deadline(node, instance) <= now else {
        position += 1
        continue
      }
      if plan.node(instance.directive, node).isAbsence {
        reach(node, in: &instance, with: [], now: now, into: &sink)
        position = 0
        continue
      }
      instance.forgo(position)
    }
    let isExpired = lifeEnd(instance) <= now
    if isExpired { instance.wait(for: [], isCounted: false) }
    guard !instance.waiting.isEmpty || (instance.isComplete && end(instance) > now) else {
      settle(&instance, now: now, into: &sink)
      instances.drop(instance, entry)
      return
    }
    index(&instance)
    let due = due(instance)
    instances.put(consume instance, entry, keysBefore: keysBefore, due: due, plan)
  }

  private func deadline(_ node: Int, _ instance: DirectiveInstance) -> CaptureTime {
    instance.entered + plan.node(instance.directive, node).patience + delay
  }

  private func lifeEnd(_ instance: DirectiveInstance) -> CaptureTime {
    guard let within = plan.followed[instance.directive].directive.within else {
      return .distantFuture
    }
    return instance.opener.first + within + delay
  }

  /// When the instance next wants to be looked at.
  func due(_ instance: DirectiveInstance) -> CaptureTime {
    min(instance.retell ?? .distantFuture, end(instance))
  }

  /// When what it waits for is over.
  private func end(_ instance: DirectiveInstance) -> CaptureTime {
    let next = instance.waiting.reduce(CaptureTime.distantFuture) {
      min($0, deadline($1, instance))
    }
    if instance.waiting.isEmpty || next == .distantFuture {
      return instance.entered + DirectiveInstance.afterglow + delay
    }
    return min(next, lifeEnd(instance))
  }

  /// Adds the keys under which the stages waited for, and those passed, are found; where only a
  /// report has come to a stage passed, those of its addresses.
  func index(_ instance: inout DirectiveInstance, since sighting: Sighting? = nil) {
    let followed = plan.followed[instance.directive]
    var keys = InstanceKeys(taking: &instance.keys)
    for node in instance.waiting {
      index(followed.nodes[node], of: instance, isAwaited: true, followed, since: sighting, &keys)
    }
    for node in instance.path {
      index(followed.nodes[node], of: instance, isAwaited: false, followed, since: sighting, &keys)
    }
    instance.keys = keys.list
  }

  private func index(
    _ node: DirectivePlan.Node, of instance: DirectiveInstance, isAwaited: Bool,
    _ followed: DirectivePlan.Followed, since sighting: Sighting?, _ keys: inout InstanceKeys
  ) {
    guard node.test != nil else { return }
    if let join = node.addressJoins.first(where: { instance.isBound($0.reference) }) {
      let addresses =
        sighting.map { instance.addresses($0, join) }
        ?? instance.addresses(join.reference, join.other)
      for address in addresses {
        keys.add(.init(address: address, isSource: join.field == .source))
      }
    } else if sighting != nil {
      return
    } else if node.joins.isEmpty, let field = followed.openerFields.first {
      for address in instance.opener.addresses(field) {
        keys.add(.init(address: address, isSource: field == .source))
      }
    } else if isAwaited {
      keys.add(.init(address: nil, isSource: false))
    }
  }
}

/// The keys of one instance, each once.
private struct InstanceKeys {
  private static let limit = 256
  /// Up to so many are looked through faster than a set of them is made.
  private static let shortList = 16

  private(set) var list: [DirectiveInstances.Key]
  private var known: Set<DirectiveInstances.Key> = []

  /// Goes on from a list, which is empty meanwhile: so it is not copied.
  init(taking list: inout [DirectiveInstances.Key]) {
    self.list = []
    swap(&self.list, &list)
  }

  mutating func add(_ key: DirectiveInstances.Key) {
    guard list.count < Self.limit else { return }
    if list.count <= Self.shortList {
      guard !list.contains(key) else { return }
    } else {
      if known.isEmpty { known = Set(list) }
      guard known.insert(key).inserted else { return }
    }
    list.append(key)
  }
}
