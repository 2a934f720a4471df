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
    let directive = plan.directives[instance.directive]
    let stage = plan.stage(instance.directive, node)
    var binding = StageBinding(reached: instance.entered)
    binding.answers = answers
    for sighting in sightings where binding.add(sighting) { instance.hold(sighting.report.id) }
    instance.path.append(node)
    instance.bindings[stage.slot] = binding
    if sightings.isEmpty {
      // A question or an absence takes its time.
      let span = stage.isAbsence ? stage.within : stage.delay
      instance.entered = instance.entered + span
    } else {
      instance.entered = max(instance.entered, binding.last)
    }
    if let change = stage.priority {
      instance.priority = change.applied(to: instance.priority, within: Directive.priorities)
    }
    if let change = stage.reliability {
      instance.reliability = change.applied(
        to: instance.reliability, within: Directive.reliabilities)
    }
    let next = directive.graph.nodes[node]
    wait(for: next.next, in: &instance)
    instance.isComplete = instance.isComplete || next.isEnd
    if instance.told != nil || isWorthTelling(instance, stage) {
      tell(&instance, now: now, into: &sink)
    }
    ask(&instance, isDue: { $0.delay == .zero }, now: now, into: &sink)
  }

  private func isWorthTelling(_ instance: DirectiveInstance, _ stage: Stage) -> Bool {
    switch plan.directives[instance.directive].telling {
    case .complete: instance.isComplete
    case .slot(let slot): stage.slot == slot || instance.isComplete
    case .risk(let least): risk(instance) >= least
    }
  }

  /// OSSIM's risk, with the most valuable of the parties.
  func risk(_ instance: DirectiveInstance) -> Int {
    let worth = instance.bindings.reduce(0) { value, binding in
      (binding?.sightings ?? []).reduce(value) { max($0, places.worth(of: $1.report)) }
    }
    return min(10, worth * instance.priority * instance.reliability / 25)
  }

  /// Answers the questions that are due; the first with a yes is reached, the others are over.
  private mutating func ask(
    _ instance: inout DirectiveInstance, isDue: (Stage) -> Bool, now: CaptureTime,
    into sink: inout ReportSink
  ) {
    var position = 0
    while position < instance.waiting.count {
      let node = instance.waiting[position]
      let stage = plan.stage(instance.directive, node)
      guard case .ask(let question) = stage.test, isDue(stage) else {
        position += 1
        continue
      }
      let answers = self.answers(question, instance)
      guard answers.isEmpty else {
        reach(node, in: &instance, with: [], now: now, answers: answers, into: &sink)
        return
      }
      instance.waiting.remove(at: position)
      instance.progress.remove(at: position)
    }
  }

  /// The addresses for which the answer is yes.
  private func answers(_ question: Question, _ instance: DirectiveInstance) -> [IPPrefix] {
    let asked = instance.binding(question.of.reference)?.addresses(question.of.field) ?? []
    let ports = question.port.flatMap { instance.binding($0.reference)?.ports } ?? []
    return asked.filter { address in
      switch question.subject {
      case .asset(let place): places.holds(place, address)
      case .host(let answers): services.answers(address.base) == answers
      case .service(let isUp):
        ports.contains { services.isUp(address.base, $0) == isUp }
      }
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
      isDue: { [entered = instance.entered, delay] in entered + $0.delay + delay <= now },
      now: now, into: &sink)
    var position = 0
    while position < instance.waiting.count {
      let node = instance.waiting[position]
      guard deadline(node, instance) <= now else {
        position += 1
        continue
      }
      if plan.stage(instance.directive, node).isAbsence {
        reach(node, in: &instance, with: [], now: now, into: &sink)
        position = 0
        continue
      }
      instance.waiting.remove(at: position)
      instance.progress.remove(at: position)
    }
    let isExpired = lifeEnd(instance) <= now
    if isExpired { wait(for: [], in: &instance) }
    guard !instance.waiting.isEmpty || (instance.isComplete && end(instance) > now) else {
      settle(&instance, now: now, into: &sink)
      instances.drop(instance, entry)
      return
    }
    index(&instance)
    instances.put(
      instance, entry, adding: instance.keys.dropFirst(keysBefore), due: due(instance), plan)
  }

  private func deadline(_ node: Int, _ instance: DirectiveInstance) -> CaptureTime {
    let stage = plan.stage(instance.directive, node)
    if case .ask = stage.test { return instance.entered + stage.delay + delay }
    return instance.entered + stage.within + delay
  }

  private func lifeEnd(_ instance: DirectiveInstance) -> CaptureTime {
    guard let within = plan.directives[instance.directive].within else { return .distantFuture }
    return instance.opener.report.first + within + delay
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
    var keys = InstanceKeys(instance.keys)
    for node in instance.waiting + instance.path {
      let stage = plan.stage(instance.directive, node)
      guard case .report = stage.test else { continue }
      let join = stage.joins.first {
        !$0.isNegated && $0.field.isAddress && $0.other.isAddress
          && instance.isBound($0.reference)
      }
      if let join {
        let addresses =
          sighting.map { instance.addresses($0, join) }
          ?? instance.binding(join.reference)?.addresses(join.other) ?? []
        for address in addresses {
          keys.add(.init(address: address, isSource: join.field == .source))
        }
      } else if sighting != nil {
        continue
      } else if stage.joins.isEmpty, let field = plan.openerFields[instance.directive].first {
        let opener = instance.opener.report
        for address in (field == .source ? opener.sources : opener.targets).listed {
          keys.add(.init(address: address, isSource: field == .source))
        }
      } else if instance.waiting.contains(node) {
        keys.add(.init(address: nil, isSource: false))
      }
    }
    instance.keys = keys.list
  }
}

/// The keys of one instance, each once.
private struct InstanceKeys {
  private static let limit = 256
  /// Up to so many are looked through faster than a set of them is made.
  private static let shortList = 16

  private(set) var list: [DirectiveInstances.Key]
  private var known: Set<DirectiveInstances.Key> = []

  init(_ list: [DirectiveInstances.Key]) { self.list = list }

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

extension Stage {
  /// How long a question waits.
  var delay: TimeSpan {
    guard case .ask(let question) = test else { return .zero }
    return question.delay
  }
}
