/// One stream of event time through the tree: live traffic, or one drill.
public struct LaneName: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The drill's id; empty for live traffic.
  public let text: String

  public init(_ text: String) { self.text = text }

  public static let live = LaneName("")

  /// The lane that a report's `exercise` belongs to.
  public init(exercise: String?) { text = exercise ?? "" }

  /// The drill's id, or nil for live traffic.
  public var exercise: String? { text.isEmpty ? nil : text }
  public var description: String { text.isEmpty ? "live" : text }

  public static func < (left: LaneName, right: LaneName) -> Bool { left.text < right.text }
}
