import Hierarchy
import Reports
import Terms

/// What reports of one kind can do to the directives of a plan. An object: it is looked up for each
/// report.
final class KindPlan: Sendable {
  /// A root that the kind may open.
  struct Opener: Sendable {
    let root: Int
    let test: StageTest
    let within: TimeSpan
  }

  let kind: ReportKind
  /// The kind among those of the schema; one that the schema does not know may be any.
  let bits: KindBits
  /// Whether no other kind has these bits.
  let isExact: Bool
  /// Whose openings are kept together with these: all kinds that the schema does not know are one.
  let crowd: ReportKind
  /// Whether any stage of any directive takes the kind.
  let isWanted: Bool
  let openers: [Opener]
  let entries: [DirectivePlan.Entry]
  /// Second stages, by root.
  let continuations: [DirectivePlan.Continuation]
  /// How these find openings, each way once, and which of them each continuation asks.
  let lookUps: [DirectivePlan.LookUp]
  let lookUpOf: [Int]
  /// The roots that they continue, and where in `continuations` those of each begin.
  let continued: RootSet
  let starts: [Int]
  /// Whether its reports may name a directive that concluded them, and the stages of it.
  let names: (directive: Bool, stages: Bool)
  /// Where instances wait that take the kind, but for what they hold already: under sources, under
  /// targets.
  let waits: (bySource: Bool, byTarget: Bool)

  init(
    _ kind: ReportKind, bits: KindBits?, isExact: Bool, names: (directive: Bool, stages: Bool),
    openers: [Opener],
    entries: [DirectivePlan.Entry], continuations: [DirectivePlan.Continuation],
    nodes: [(node: DirectivePlan.Node, openerFields: [ReportField])]
  ) {
    self.kind = kind
    self.bits = bits ?? .any
    self.isExact = bits != nil && isExact
    crowd = bits == nil ? .unknown : kind
    isWanted = !nodes.isEmpty
    self.names = names
    self.openers = openers
    self.entries = entries
    self.continuations = continuations
    var lookUps: [DirectivePlan.LookUp] = []
    lookUpOf = continuations.map { next in
      if let known = lookUps.firstIndex(of: next.lookUp) { return known }
      lookUps.append(next.lookUp)
      return lookUps.count - 1
    }
    self.lookUps = lookUps
    var continued = RootSet()
    var starts: [Int] = []
    for (place, next) in continuations.enumerated() {
      continued.insert(next.root)
      while starts.count <= next.root { starts.append(place) }
    }
    self.continued = continued
    self.starts = starts
    var waits = (bySource: false, byTarget: false)
    for (node, openerFields) in nodes {
      var fields = node.addressJoins.map(\.field)
      if node.stage.joins.isEmpty, let field = openerFields.first { fields.append(field) }
      if fields.contains(.source) { waits.bySource = true }
      if fields.contains(.target) { waits.byTarget = true }
    }
    self.waits = waits
  }
}

/// Some kinds: a bit each, which a few may share where a schema has very many.
struct KindBits: Sendable {
  private var bits: (low: UInt64, high: UInt64) = (0, 0)

  /// Up to so many kinds have a bit of their own.
  static let width = 128

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
