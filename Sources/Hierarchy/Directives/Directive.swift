import Reports
import Terms

/// A declared attack of several stages, in the manner of OSSIM's correlation directives: what the
/// monitors above the local tier follow from report to report.
///
/// (A *scenario* is something else here: captures to replay.)
public struct Directive: Sendable, Hashable {
  /// When the directive is told of.
  public enum Telling: Sendable, Hashable {
    /// When its last stage is reached.
    case complete
    /// When this slot's stage is reached, and on every later one.
    case slot(Int)
    /// As soon as OSSIM's risk ⌊value · priority · reliability / 25⌋ is this high.
    case risk(Int)
  }

  /// A text that the directive must fire on, or stay silent on.
  public struct Example: Sendable, Hashable {
    public var fires: Bool
    /// Reports as text, one per line.
    public var text: String
    /// Where the text stands in its file.
    public var line: Int
  }

  public var name: String
  /// One line for people.
  public var title: String
  /// The kind of what it concludes.
  public var kind: ReportKind
  /// ATT&CK technique ids.
  public var techniques: [String]
  /// Where it starts, 0–5; stages raise or lower it.
  public var priority: Int
  /// Where it starts, 0–10; stages raise or lower it.
  public var reliability: Int
  public var telling: Telling
  /// Longest time from the first to the last stage.
  public var within: TimeSpan?
  /// The tiers that follow it.
  public var tiers: Set<Tier>
  /// Every stage that the file writes out, in its order.
  public var stages: [Stage]
  /// The names that stages carry, by slot; alternatives may share one.
  public var slots: [String]
  public var graph: StageGraph
  public var examples: [Example]
  public var file: String
  public var line: Int

  public static let priorities = 0...5
  public static let reliabilities = 0...10
  /// How long a stage waits where the file does not say.
  public static let standardWithin = TimeSpan.hours(1)
  /// The field that every kind concluded by directives has, so that a resolver knows them.
  public static let attribute = "directive"

  /// Stages in one directive.
  static let stageLimit = 64
  /// Nodes that its alternatives, options and orders unfold to.
  static let nodeLimit = 512
  /// Stages of one `all`, whose orders are all followed.
  static let anyOrderLimit = 5
}

/// One stage: what it waits for, how it hangs together with earlier ones, and what it is worth.
public struct Stage: Sendable, Hashable {
  public enum Test: Sendable, Hashable {
    /// A report of a child, or a conclusion of this monitor.
    case report(ReportTest)
    /// A question to the monitor itself (OSSIM: a *monitor* rule).
    case ask(Question)
  }

  /// A change of priority or reliability.
  public enum Escalation: Sendable, Hashable {
    case to(Int)
    case by(Int)

    /// The value after the change, within `range`.
    public func applied(to value: Int, within range: ClosedRange<Int>) -> Int {
      switch self {
      case .to(let new): min(max(new, range.lowerBound), range.upperBound)
      case .by(let step): min(max(value + step, range.lowerBound), range.upperBound)
      }
    }
  }

  public var slot: Int
  public var test: Test
  public var joins: [Join] = []
  /// The least share of a report's own values that each join must find; 0: one is enough.
  public var share = 0.0
  /// What the reports that a stage counts have in common.
  public var grouping: [ReportField] = []
  /// Reports to be counted before the stage is reached.
  public var count = 1
  public var distinct: Distinct?
  public var measure: Measure?
  /// From the last stage to this one; for an absence, how long nothing may come.
  public var within = Directive.standardWithin
  /// The stage is reached when its report does *not* come.
  public var isAbsence = false
  public var priority: Escalation?
  public var reliability: Escalation?
  public var line = 0

  /// Whether one report is enough to reach it.
  public var isSimple: Bool { count == 1 && distinct == nil && measure == nil && !isAbsence }
}

/// So many different values of a field.
public struct Distinct: Sendable, Hashable {
  public var field: ReportField
  public var count: Int
}

/// A figure over an attribute of the counted reports.
public struct Measure: Sendable, Hashable {
  public enum Function: Sendable, Hashable {
    case total
    case mean
    /// 1–99.
    case percentile(Int)
  }

  public var function: Function
  public var attribute: String
  public var comparison: NumberBound
}

/// A back-reference: a field of the report agrees (or, negated, does not) with one of an earlier
/// stage.
public struct Join: Sendable, Hashable {
  public enum Reference: Sendable, Hashable {
    /// Whatever opened the directive.
    case opener
    case slot(Int)
  }

  public var field: ReportField
  public var reference: Reference
  public var other: ReportField
  public var isNegated = false
}

/// What of a report is compared.
public enum ReportField: Sendable, Hashable, Codable {
  case source, target, port, monitor
  case attribute(String)

  public var isAddress: Bool { self == .source || self == .target }

  public var text: String {
    switch self {
    case .source: "source"
    case .target: "target"
    case .port: "port"
    case .monitor: "monitor"
    case .attribute(let name): name
    }
  }

  /// As the text names it.
  public init(from decoder: any Decoder) throws {
    switch try decoder.singleValueContainer().decode(String.self) {
    case "source": self = .source
    case "target": self = .target
    case "port": self = .port
    case "monitor": self = .monitor
    case let name: self = .attribute(name)
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}

/// How a directive's stages follow on one another, with options, alternatives and free orders
/// unfolded.
public struct StageGraph: Sendable, Hashable {
  public struct Node: Sendable, Hashable {
    /// Index into `Directive.stages`.
    public var stage: Int
    /// What may come next; alternatives of one another.
    public var next: [Int]
    /// Whether the directive is complete here.
    public var isEnd: Bool
  }

  public var nodes: [Node] = []
  /// The nodes that open the directive.
  public var entries: [Int] = []
}
