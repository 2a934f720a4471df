import Reports
import Terms

/// One lane's way out of a monitor: what the parent subscribed to, within its budget, numbered and
/// recognised.
public struct LaneOutput: Sendable {
  /// What the preferred parent wants of a report; true for all at a root.
  public typealias Filter = @Sendable (Report) -> Bool

  private var budget: OutputBudget
  private let wants: Filter
  /// What the monitors of the site can say to each other; nil for anything.
  private let schema: Schema?
  /// Own reports found in the store after a crash: what is made again is not stored again.
  private var known: Set<ReportRevision>

  /// The newest sequence given out.
  public private(set) var newest: UInt64
  public private(set) var producedCount: UInt64 = 0
  /// Reports of kinds that the schema lacks: said to nobody, who would take them for forged.
  public private(set) var unspoken: UInt64 = 0
  /// Of those produced, the ones that go up; what is made again after a crash counts in both.
  public private(set) var sentCount: UInt64 = 0

  public init(
    budget rate: Double?, wants: @escaping Filter, schema: Schema? = nil, newest: UInt64 = 0,
    known: Set<ReportRevision> = []
  ) {
    budget = OutputBudget(rate: rate)
    self.wants = wants
    self.schema = schema
    self.newest = newest
    self.known = known
  }

  /// What a checkpoint holds of it: the numbers come from the store.
  public struct State: Sendable, Codable {
    var budget: OutputBudget
    var known: Set<ReportRevision>
    var producedCount: UInt64
    var sentCount: UInt64
  }

  public var state: State {
    State(budget: budget, known: known, producedCount: producedCount, sentCount: sentCount)
  }

  /// Takes up a state; what is known already stays known.
  public mutating func restore(_ state: State) {
    budget = state.budget
    known.formUnion(state.known)
    producedCount = state.producedCount
    sentCount = state.sentCount
  }

  public var coarsened: UInt64 { budget.coarsened }
  public var shed: UInt64 { budget.shed }

  /// Numbers the reports that go up, in the order given; the others are kept without a number.
  public mutating func accept(_ reports: [Report], laneEnded: Bool) -> [ProducedReport] {
    var accepted: [ProducedReport] = []
    for made in reports {
      producedCount += 1
      guard let report = schema.map({ $0.fitted(made) }) ?? made else {
        unspoken += 1
        continue
      }
      let admitted = wants(report) ? budget.admit(report) : nil
      if let admitted {
        append(admitted, goesUp: true, to: &accepted)
      } else if report.reportClass != .evidence {
        append(report, goesUp: false, to: &accepted)
      }
    }
    if laneEnded {
      for held in budget.flush() { append(held, goesUp: true, to: &accepted) }
    }
    return accepted
  }

  /// Keeps reports that go to nobody; what the store already holds is left out.
  public mutating func keep(_ reports: [Report]) -> [ProducedReport] {
    var kept: [ProducedReport] = []
    for report in reports {
      producedCount += 1
      append(report, goesUp: false, to: &kept)
    }
    return kept
  }

  private mutating func append(_ report: Report, goesUp: Bool, to list: inout [ProducedReport]) {
    if goesUp { sentCount += 1 }
    guard known.remove(ReportRevision(report)) == nil else { return }
    if goesUp { newest += 1 }
    list.append(ProducedReport(sequence: goesUp ? newest : nil, report: report))
  }
}
