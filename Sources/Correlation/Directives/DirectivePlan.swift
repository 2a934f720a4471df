import Hierarchy
import Reports
import Terms

/// All directives of one monitor, arranged by what may open and continue them, so that a report
/// costs what the stages that it fits cost, however many directives there are.
///
/// Directives that open with the same test share one *root*: a report that fits it is kept once
/// (`OpeningTable`), and only the second stage makes an instance of a directive.
struct DirectivePlan: Sendable {
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

  /// A second stage: an event that fits it looks for openings of a root.
  struct Continuation: Sendable {
    let root: Int
    let directive: Int
    let entry: Int
    let node: Int
    /// How the two hang together: the event's address in this role is the opening's in that one;
    /// nil when only time joins them.
    let field: ReportField?
    let other: ReportField?

    /// Whether the other looks for the same openings.
    func leads(where next: Continuation) -> Bool {
      root == next.root && field == next.field && other == next.other
    }
  }

  /// A first stage that makes an instance at once: one that counts, or that a question or an
  /// absence follows, or that is told of by itself.
  struct Entry: Sendable {
    let directive: Int
    let node: Int
  }

  /// What a kind of report can do.
  struct KindPlan: Sendable {
    var roots: [Int] = []
    var entries: [Entry] = []
    /// Sorted by root and roles, so that those of one lookup stand together.
    var continuations: [Continuation] = []
    /// Whether any stage of any directive takes the kind.
    var isWanted = false
  }

  let directives: [Directive]
  private(set) var roots: [Root] = []
  private var entries: [Entry] = []
  private var continuations: [Continuation] = []
  /// By directive: the addresses of the opening report that later stages refer to.
  private(set) var openerFields: [[ReportField]] = []
  /// Whether a directive asks how services and hosts do.
  private(set) var asksServices = false
  /// By directive and node: the kinds that its stage takes.
  private let kindsOf: [[KindBits]]
  private let bits: [ReportKind: KindBits]

  init(_ directives: [Directive], kinds: some Collection<ReportKind>) {
    self.directives = directives
    var bits: [ReportKind: KindBits] = [:]
    for (number, kind) in kinds.sorted().enumerated() { bits[kind] = KindBits(number) }
    self.bits = bits
    kindsOf = directives.map { directive in
      let ofStage = directive.stages.map { stage in
        bits.reduce(into: KindBits()) { if stage.accepts($1.key) { $0.formUnion($1.value) } }
      }
      return directive.graph.nodes.map { ofStage[$0.stage] }
    }
    for (index, directive) in directives.enumerated() { add(directive, at: index) }
  }

  /// The kind among those of the schema; one that the schema does not know may be any.
  func bits(of kind: ReportKind) -> KindBits { bits[kind] ?? .any }

  func takes(_ kind: KindBits, _ directive: Int, _ node: Int) -> Bool {
    kindsOf[directive][node].meets(kind)
  }

  /// The kinds that an instance takes: at the stages that it waits for, and more of those passed.
  func interest(of instance: DirectiveInstance) -> KindBits {
    var kinds = KindBits()
    let ofNode = kindsOf[instance.directive]
    for node in instance.waiting { kinds.formUnion(ofNode[node]) }
    for node in instance.path { kinds.formUnion(ofNode[node]) }
    return kinds
  }

  private mutating func add(_ directive: Directive, at index: Int) {
    openerFields.append(Self.openerFields(of: directive))
    for stage in directive.stages {
      guard case .ask(let question) = stage.test else { continue }
      if case .asset = question.subject { continue }
      asksServices = true
    }
    for entry in directive.graph.entries {
      let node = directive.graph.nodes[entry]
      guard let test = Self.sharedTest(node, of: directive) else {
        entries.append(Entry(directive: index, node: entry))
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
            root: root, directive: index, entry: entry, node: next, field: join?.field,
            other: join?.other))
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
    guard case .report(let test) = stage.test, stage.isSimple, !node.isEnd else { return nil }
    switch directive.telling {
    case .risk: return nil
    case .slot(stage.slot): return nil
    case .slot, .complete: break
    }
    for next in node.next {
      let stage = directive.stages[directive.graph.nodes[next].stage]
      guard case .report = stage.test, !stage.isAbsence else { return nil }
    }
    return test
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
    var plan = KindPlan()
    plan.roots = roots.indices.filter { roots[$0].test.accepts(kind) }
    plan.entries = entries.filter { stage($0.directive, $0.node).accepts(kind) }
    plan.continuations = continuations.filter { stage($0.directive, $0.node).accepts(kind) }
      .sorted {
        ($0.root, $0.field?.text ?? "", $0.other?.text ?? "", $0.directive, $0.node)
          < ($1.root, $1.field?.text ?? "", $1.other?.text ?? "", $1.directive, $1.node)
      }
    plan.isWanted = directives.contains { $0.stages.contains { $0.accepts(kind) } }
    return plan
  }

  /// The plan of a context, as its engine makes it.
  init(_ context: CorrelationContext) {
    self.init(
      context.directives.filter { $0.tiers.contains(context.tier) },
      kinds: context.schema.kinds.keys)
  }

  func stage(_ directive: Int, _ node: Int) -> Stage {
    directives[directive].stages[directives[directive].graph.nodes[node].stage]
  }
}

/// Some kinds: a bit each, which a few may share where a schema has very many.
struct KindBits: Sendable {
  private var bits: (low: UInt64, high: UInt64) = (0, 0)

  static let any = KindBits(low: .max, high: .max)

  init() {}

  init(_ number: Int) {
    if number & 64 == 0 {
      bits.low = 1 << UInt64(number & 63)
    } else {
      bits.high = 1 << UInt64(number & 63)
    }
  }

  private init(low: UInt64, high: UInt64) { bits = (low, high) }

  mutating func formUnion(_ other: KindBits) {
    bits.low |= other.bits.low
    bits.high |= other.bits.high
  }

  func meets(_ other: KindBits) -> Bool {
    bits.low & other.bits.low | bits.high & other.bits.high != 0
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
