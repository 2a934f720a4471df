import Reports

extension AttackChains {
  /// What the engine knows of its site, as an object: it is looked at while the engine changes. No
  /// part of a state, as the topology is none.
  final class Site: Sendable, Codable {
    let context: CorrelationContext
    /// The kinds that are steps at all.
    let steps: [ReportKind: ChainAct.Step]

    init(_ context: CorrelationContext) {
      self.context = context
      steps = AttackChains.steps(context)
    }

    convenience init(from decoder: any Decoder) throws {
      self.init(try CorrelationContext(from: decoder))
    }

    func encode(to encoder: any Encoder) throws {}
  }

  static func steps(_ context: CorrelationContext) -> [ReportKind: ChainAct.Step] {
    context.schema.kinds.filter { !$0.value.needs.isEmpty || !$0.value.gives.isEmpty }
      .mapValues(ChainAct.Step.init)
  }
}
