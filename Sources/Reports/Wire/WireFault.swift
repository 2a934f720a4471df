/// Why bytes are not what the wire format says, and where.
public struct WireFault: Error, Hashable, Sendable {
  /// The path of fields to the fault, such as `reports[3].sources.v4`.
  public var field: String
  public var reason: String

  public init(field: String, reason: String) {
    self.field = field
    self.reason = reason
  }
}

extension WireFault: CustomStringConvertible {
  public var description: String { field.isEmpty ? reason : "\(field): \(reason)" }
}
