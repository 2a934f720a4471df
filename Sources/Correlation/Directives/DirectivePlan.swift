import Hierarchy
import Reports
import Terms

/// All directives of one monitor, arranged by what may open and continue them, so that a report
/// costs what the stages that it fits cost, however many directives there are.
///
/// Directives that open with the same test share one *root*: a report that fits it is kept once
/// (`OpeningTable`), and only the second stage makes an instance of a directive.
struct DirectivePlan: Sendable {
  /// A directive and its nodes. An object, as are the nodes: to look at one copies nothing.
  final class Followed: Sendable {
    let index: Int
    let directive: Directive
    let nodes: [Node]
    /// The addresses of the opening report that later stages refer to.
    let openerFields: [ReportField]

    init(_ directive: Directive, index: Int, _ bits: [ReportKind: KindBits]) {
      self.index = index
      self.directive = directive
      openerFields = DirectivePlan.openerFields(of: directive)
      let kinds = directive.stages.map { stage in
        bits.reduce(into: KindBits()) { if stage.accepts($1.key) { $0.formUnion($1.value) } }
      }
      nodes = directive.graph.nodes.map { Node($0, of: directive, kinds: kinds[$0.stage]) }
    }
  }

  /// One place of a directive's graph, with its stage's parts: to hand a stage on would copy it.
  final class Node: Sendable {
    let stage: Stage
    let slot: Int
    let next: [Int]
    let isEnd: Bool
    let kinds: KindBits
    /// One of the two: what a report must be like, or what is asked.
    let test: StageTest?
    let question: Question?
    let priority: Stage.Escalation?
    let reliability: Stage.Escalation?
    let joins: [Join]
    let share: Double
    let grouping: [ReportField]
    let isAbsence: Bool
    let isSimple: Bool
    let within: TimeSpan
    /// How long what comes here may take: a question until it is asked, else `within`.
    let patience: TimeSpan
    /// Whether a stage that may come next has to be counted towards, and whether one is a question.
    let isCountedNext: Bool
    let asksNext: Bool
    /// The joins by which an instance that waits here can be found.
    let addressJoins: [Join]

    init(_ node: StageGraph.Node, of directive: Directive, kinds: KindBits) {
      let stage = directive.stages[node.stage]
      let following = node.next.map { directive.stages[directive.graph.nodes[$0].stage] }
      self.stage = stage
      slot = stage.slot
      next = node.next
      isEnd = node.isEnd
      self.kinds = kinds
      isCountedNext = following.contains { !$0.isSimple }
      asksNext = following.contains { if case .ask = $0.test { true } else { false } }
      switch stage.test {
      case .report(let test): (self.test, question) = (StageTest(test), nil)
      case .ask(let question): (test, self.question) = (nil, question)
      }
      priority = stage.priority
      reliability = stage.reliability
      joins = stage.joins
      share = stage.share
      grouping = stage.grouping
      isAbsence = stage.isAbsence
      isSimple = stage.isSimple
      within = stage.within
      patience = question?.delay ?? stage.within
      addressJoins = stage.joins.filter {
        !$0.isNegated && $0.field.isAddress && $0.other.isAddress
      }
    }

    func accepts(_ kind: KindPlan) -> Bool {
      guard kinds.meets(kind.bits), let test else { return false }
      return kind.isExact || test.accepts(kind.kind)
    }
  }

  /// A first stage that one report opens, of one or several directives.
  struct Root: Sendable {
    let test: ReportTest
    /// The addresses by which later stages find it again.
    var finds: [ReportField] = []
    /// How long an opening is worth keeping.
    var within = TimeSpan.zero
    /// Whether some second stage is joined to it by time alone.
    var isTimed = false
  }

  /// How a second stage finds openings: the report's address in this role is the opening's in that
  /// one; nil when only time joins them.
  struct LookUp: Sendable, Equatable {
    let field: ReportField?
    let other: ReportField?

    /// Their order.
    fileprivate var text: (String, String) { (field?.text ?? "", other?.text ?? "") }
  }

  /// A second stage: a report that fits it looks for openings of a root.
  struct Continuation: Sendable {
    let root: Int
    let directive: Int
    let entry: Int
    let node: Int
    let lookUp: LookUp
  }

  /// A first stage that makes an instance at once: one that counts, or that a question or an
  /// absence follows, or that is told of by itself.
  struct Entry: Sendable {
    let directive: Int
    let node: Int
    /// What is asked as soon as it is reached, where nothing else follows: without a yes it leads
    /// nowhere.
    let questions: [Question]
  }

  private(set) var followed: [Followed] = []
  private(set) var roots: [Root] = []
  /// The roots that are found by a source, by a target, and by time alone.
  private(set) var found = (bySource: RootSet(), byTarget: RootSet(), byTime: RootSet())
  private var entries: [Entry] = []
  private var continuations: [Continuation] = []
  /// Whether a directive asks how services and hosts do.
  private(set) var asksServices = false
  private let schema: Schema
  private let bits: [ReportKind: KindBits]

  init(_ directives: [Directive], _ schema: Schema) {
    self.schema = schema
    var bits: [ReportKind: KindBits] = [:]
    for (number, kind) in schema.kinds.keys.sorted().enumerated() { bits[kind] = KindBits(number) }
    self.bits = bits
    for (index, directive) in directives.enumerated() {
      followed.append(Followed(directive, index: index, bits))
      add(directive, at: index)
    }
    for (number, root) in roots.enumerated() {
      if root.finds.contains(.source) { found.bySource.insert(number) }
      if root.finds.contains(.target) { found.byTarget.insert(number) }
      if root.isTimed { found.byTime.insert(number) }
    }
  }

  var isEmpty: Bool { followed.isEmpty }

  func node(_ directive: Int, _ node: Int) -> Node { followed[directive].nodes[node] }

  /// The kinds that an instance takes: at the stages that it waits for, and more of those passed.
  func interest(_ directive: Int, _ path: [Int], _ waiting: [Int]) -> KindBits {
    var kinds = KindBits()
    let nodes = followed[directive].nodes
    for node in waiting { kinds.formUnion(nodes[node].kinds) }
    for node in path { kinds.formUnion(nodes[node].kinds) }
    return kinds
  }

  private mutating func add(_ directive: Directive, at index: Int) {
    for stage in directive.stages {
      guard case .ask(let question) = stage.test else { continue }
      if case .asset = question.subject { continue }
      asksServices = true
    }
    for entry in directive.graph.entries {
      let node = directive.graph.nodes[entry]
      guard let test = Self.sharedTest(node, of: directive) else {
        entries.append(
          Entry(directive: index, node: entry, questions: Self.questions(node, of: directive)))
        continue
      }
      let root = self.root(test)
      for next in node.next {
        let stage = directive.stages[directive.graph.nodes[next].stage]
        let slot = directive.stages[node.stage].slot
        let join = stage.joins.first {
          !$0.isNegated && $0.field.isAddress && $0.other.isAddress
            && ($0.reference == .opener || $0.reference == .slot(slot))
        }
        continuations.append(
          Continuation(
            root: root, directive: index, entry: entry, node: next,
            lookUp: LookUp(field: join?.field, other: join?.other)))
        if let other = join?.other {
          if !roots[root].finds.contains(other) { roots[root].finds.append(other) }
        } else {
          roots[root].isTimed = true
        }
        roots[root].within = max(roots[root].within, stage.within)
      }
    }
  }

  /// The test of a first stage that can wait in the opening table; nil for one that cannot.
  private static func sharedTest(
    _ node: StageGraph.Node, of directive: Directive
  ) -> ReportTest? {
    let stage = directive.stages[node.stage]
    guard case .report(let test) = stage.test, stage.isSimple, !node.isEnd,
      !isTold(stage, of: directive)
    else { return nil }
    for next in node.next {
      let stage = directive.stages[directive.graph.nodes[next].stage]
      guard case .report = stage.test, !stage.isAbsence else { return nil }
    }
    return test
  }

  /// Whether the directive may be told as soon as this stage of it is reached.
  private static func isTold(_ stage: Stage, of directive: Directive) -> Bool {
    switch directive.telling {
    case .risk: true
    case .slot(let slot): slot == stage.slot
    case .complete: false
    }
  }

  /// What is asked at once after a first stage, of its own report, where nothing else follows.
  private static func questions(
    _ node: StageGraph.Node, of directive: Directive
  ) -> [Question] {
    let stage = directive.stages[node.stage]
    guard case .report = stage.test, stage.isSimple, stage.joins.isEmpty, !node.isEnd,
      !isTold(stage, of: directive)
    else { return [] }
    var questions: [Question] = []
    for next in node.next {
      guard case .ask(let question) = directive.stages[directive.graph.nodes[next].stage].test,
        question.delay == .zero
      else { return [] }
      questions.append(question)
    }
    return questions
  }

  private mutating func root(_ test: ReportTest) -> Int {
    if let known = roots.firstIndex(where: { $0.test == test }) { return known }
    roots.append(Root(test: test))
    return roots.count - 1
  }

  private static func openerFields(of directive: Directive) -> [ReportField] {
    let slots = Set(
      directive.graph.entries.map { directive.stages[directive.graph.nodes[$0].stage].slot })
    var fields: [ReportField] = []
    for join in directive.stages.flatMap(\.joins) where !join.isNegated && join.other.isAddress {
      let isOpener: Bool =
        switch join.reference {
        case .opener: true
        case .slot(let slot): slots.contains(slot)
        }
      if isOpener, !fields.contains(join.other) { fields.append(join.other) }
    }
    guard fields.isEmpty else { return fields }
    return directive.graph.entries.flatMap {
      directive.stages[directive.graph.nodes[$0].stage].grouping.filter(\.isAddress)
    }
  }

  /// What reports of a kind can do; looked up once per kind.
  func plan(for kind: ReportKind) -> KindPlan {
    func accepts(_ directive: Int, _ node: Int) -> Bool {
      self.node(directive, node).stage.accepts(kind)
    }
    let sorted = continuations.filter { accepts($0.directive, $0.node) }.sorted {
      let (left, right) = ($0.lookUp.text, $1.lookUp.text)
      return ($0.root, left.0, left.1, $0.directive, $0.node)
        < ($1.root, right.0, right.1, $1.directive, $1.node)
    }
    let fields = schema.kinds[kind]?.fields
    return KindPlan(
      kind, bits: bits[kind], isExact: bits.count <= KindBits.width,
      names: (
        directive: fields.map { $0[Directive.attribute] != nil } ?? true,
        stages: fields.map { $0["stages"] != nil } ?? true
      ),
      openers: roots.indices.filter { roots[$0].test.accepts(kind) }.map {
        KindPlan.Opener(root: $0, test: StageTest(roots[$0].test), within: roots[$0].within)
      },
      entries: entries.filter { accepts($0.directive, $0.node) }, continuations: sorted,
      nodes: followed.flatMap { followed in
        followed.nodes.filter { $0.stage.accepts(kind) }.map { ($0, followed.openerFields) }
      })
  }

  /// The plan of a context, as its engine makes it.
  init(_ context: CorrelationContext) {
    self.init(
      context.directives.filter { $0.tiers.contains(context.tier) }, context.schema)
  }
}

/// A plan is no part of a state: it is made again from the topology's directives.
extension DirectivePlan: Codable {
  func encode(to encoder: any Encoder) throws {}

  init(from decoder: any Decoder) throws { self.init(try CorrelationContext(from: decoder)) }
}

extension Stage {
  /// Whether it waits for reports of the kind.
  func accepts(_ kind: ReportKind) -> Bool {
    guard case .report(let test) = test else { return false }
    return test.accepts(kind)
  }
}
