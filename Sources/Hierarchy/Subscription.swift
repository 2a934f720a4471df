import Reports
import Terms

/// What a parent wants of a child.
public struct Subscription: Sendable, Hashable {
  /// Report kinds: whole kinds, `family.*` or `*`.
  public let kinds: [String]
  /// Reports below this severity are not sent, 0–10; evidence is exempt, as its severity says
  /// nothing.
  public let leastSeverity: Double
  /// The most reports per second of event time that the child may send; nil for no budget.
  public let budget: Double?

  public init(kinds: [String], leastSeverity: Double, budget: Double?) {
    self.kinds = kinds
    self.leastSeverity = leastSeverity
    self.budget = budget
  }

  /// 1,000 reports/s: a hundredth of what a link and two archives sustain on one core, so that a
  /// hundred children fit one parent; an honest segment stays far below.
  public static let standardBudget = 1000.0

  /// What holds where the topology says nothing: everything, at the standard budget.
  public static let standard = Subscription(
    kinds: ["*"], leastSeverity: 0, budget: standardBudget)

  /// Whether the parent wants a report of this kind, class and severity.
  public func wants(_ kind: ReportKind, _ reportClass: ReportClass, severity: Double) -> Bool {
    (reportClass == .evidence || severity >= leastSeverity)
      && kinds.contains { kind.matches($0) }
  }
}

/// The direction of one subscription.
public struct SubscriptionLink: Sendable, Hashable, Comparable {
  public let parent: MonitorName
  public let child: MonitorName

  public init(parent: MonitorName, child: MonitorName) {
    self.parent = parent
    self.child = child
  }

  public static func < (left: Self, right: Self) -> Bool {
    (left.parent, left.child) < (right.parent, right.child)
  }
}
