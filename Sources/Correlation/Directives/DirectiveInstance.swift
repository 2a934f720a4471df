import Hierarchy
import Reports
import Terms

/// A directive on its way through its stages.
struct DirectiveInstance: Sendable, Codable {
  /// How long a completed one still takes what belongs to it.
  static let afterglow = TimeSpan.minutes(30)

  let directive: Int
  /// The report that opened it.
  let opener: Sighting
  /// Nodes passed, in order.
  var path: [Int] = []
  /// By slot.
  var bindings: [StageBinding?]
  /// Nodes that may come next.
  private(set) var waiting: [Int] = []
  /// What is counted towards each of them; empty where one report reaches them all.
  var progress: [StageProgress] = []
  var priority: Int
  var reliability: Int
  /// The newest observation of the stage reached last: timeouts run from here.
  var entered: CaptureTime
  /// When something happened last, in the monitor's time.
  var touched: CaptureTime
  var isComplete = false
  /// The newest revision of what it concluded.
  var told: Report? { didSet { isTold = true } }
  /// Whether there is one.
  private(set) var isTold = false
  /// What it amounts to beside that, in a list of one; empty until it was told.
  var gist: [DirectiveGist] = []
  /// The reports, or newer revisions of them, that have come since.
  private(set) var untold: [Sighting] = []
  /// When what has come since is told; nil for nothing.
  var retell: CaptureTime?
  /// The reports that it holds, a bit for some.
  private(set) var held: UInt64 = 0
  /// Where the engine finds it.
  var keys: [DirectiveInstances.Key] = []

  init(_ followed: DirectivePlan.Followed, opener: Sighting, now: CaptureTime) {
    directive = followed.index
    self.opener = opener
    bindings = Array(repeating: nil, count: followed.directive.slots.count)
    priority = followed.directive.priority
    reliability = followed.directive.reliability
    entered = opener.last
    touched = now
  }

  /// Notes that it holds a report.
  mutating func hold(_ sighting: Sighting) {
    held |= Self.bit(sighting.id)
    note(sighting)
  }

  /// Notes what is to be told of, the newest revision of each.
  mutating func note(_ sighting: Sighting) {
    guard isTold else { return }
    let id = sighting.id
    if let known = untold.firstIndex(where: { $0.id == id }) {
      untold[known] = sighting
    } else {
      untold.append(sighting)
    }
  }

  /// Hands over what is to be told of.
  mutating func takeUntold() -> [Sighting] {
    var taken: [Sighting] = []
    swap(&taken, &untold)
    return taken
  }

  /// Which bit of `held` stands for a report.
  static func bit(_ id: ReportID) -> UInt64 { 1 << ((id.low ^ id.low >> 32 ^ id.high) & 63) }

  /// Waits for other nodes.
  mutating func wait(for nodes: [Int], isCounted: Bool) {
    waiting = nodes
    if isCounted {
      progress = nodes.map { _ in StageProgress() }
    } else if !progress.isEmpty {
      progress = []
    }
  }

  /// Waits no longer for the node at this place of `waiting`.
  mutating func forgo(_ position: Int) {
    waiting.remove(at: position)
    if !progress.isEmpty { progress.remove(at: position) }
  }

  /// The addresses, and the ports, that a back-reference means; none when its stage was not reached.
  func addresses(_ reference: Join.Reference, _ field: ReportField) -> [IPPrefix] {
    switch reference {
    case .slot(let slot): bindings[slot]?.addresses(field) ?? []
    case .opener: opener.addresses(field)
    }
  }

  func ports(_ reference: Join.Reference) -> [UInt16] {
    switch reference {
    case .slot(let slot): bindings[slot]?.ports ?? []
    case .opener: opener.report.ports
    }
  }

  /// OSSIM's risk, where the most valuable of the parties is worth so much.
  func risk(worth: Int) -> Int { min(10, worth * priority * reliability / 25) }

  /// Reports that it holds.
  var sightingCount: Int { bindings.reduce(0) { $0 + ($1?.count ?? 0) } }

  func isBound(_ reference: Join.Reference) -> Bool {
    if case .slot(let slot) = reference { bindings[slot] != nil } else { true }
  }

  /// The addresses that a report brought to the binding of a join.
  func addresses(_ sighting: Sighting, _ join: Join) -> [IPPrefix] {
    guard case .slot(let slot) = join.reference, bindings[slot]?.holds(sighting.id) == true
    else { return [] }
    return sighting.addresses(join.other)
  }

  /// Whether the report hangs together with what came before as the stage asks.
  func agrees(_ sighting: Sighting, with node: DirectivePlan.Node) -> Bool {
    node.joins.allSatisfy { join in
      let values = FieldValues(join.field, of: sighting)
      guard !values.isEmpty, let meets = meets(values, join) else { return false }
      guard meets, !join.isNegated, node.share > 0 else { return meets != join.isNegated }
      return values.share(in: addresses(join.reference, join.other), join.other) >= node.share
    }
  }

  /// Whether what a join refers to has one of the values; nil when it has none, or was not reached.
  private func meets(_ values: FieldValues, _ join: Join) -> Bool? {
    switch join.reference {
    case .slot(let slot): bindings[slot]?.meets(values, in: join.other)
    case .opener: opener.meets(values, in: join.other)
    }
  }

  /// Whether the report has in common with those already counted, towards the node waited for at
  /// this place, what its stage groups by.
  func groups(_ sighting: Sighting, _ node: DirectivePlan.Node, _ position: Int) -> Bool {
    guard !node.grouping.isEmpty, let first = progress[position].first else { return true }
    return node.grouping.allSatisfy { first.meets(FieldValues($0, of: sighting), in: $0) == true }
  }
}
