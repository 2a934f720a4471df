/// A context as an object, for engines that look at it for each report while they change: to hand on
/// the context itself would copy it. No part of a state, as the topology is none.
final class SharedContext: Sendable, Codable {
  let context: CorrelationContext

  init(_ context: CorrelationContext) { self.context = context }

  convenience init(from decoder: any Decoder) throws {
    self.init(try CorrelationContext(from: decoder))
  }

  func encode(to encoder: any Encoder) throws {}
}
