/// Bits and numbers that matches leave in flows and hosts.
extension SignatureInspector {
  func passesStates(_ span: Span, of rule: Int32) -> Bool {
    for place in span.range {
      let state = image.states[place]
      switch state.subject {
      case .flowBit:
        let bits = talk(scene.place)?.bits ?? []
        let isSet = state.names.range.contains { bits.contains(image.names[$0]) }
        guard isSet == (state.operation == 1) else { return false }
      case .numberExists:
        guard (number(image.names[state.names.start]) != nil) == (state.operation == 1) else {
          return false
        }
      case .number:
        guard let value = number(image.names[state.names.start]),
          Comparison.holds(state.operation, UInt64(value), UInt64(state.value)) != state.isNegated
        else { return false }
      case .sourceBit, .destinationBit, .pairBit:
        guard !settlement.isDeferred(rule) else { continue }
        guard settlement.passes(state, scene) else { return false }
      }
    }
    return true
  }

  private func number(_ name: Int32) -> UInt32? {
    talk(scene.place)?.numbers.first { $0.name == name }?.value
  }

  /// Changes what flows have; hosts are the settlement's.
  func apply(_ changes: Span) {
    for place in changes.range {
      let change = image.states[place]
      let name = image.names[change.names.start]
      switch change.subject {
      case .flowBit: applyFlowBit(name, change.operation)
      case .number, .numberExists: applyNumber(name, change)
      case .sourceBit, .destinationBit, .pairBit:
        continue
      }
    }
  }

  private func applyFlowBit(_ name: Int32, _ operation: UInt8) {
    guard let talk = admitTalk(scene.place) else { return }
    let known = talk.bits.firstIndex(of: name)
    switch BitChange(rawValue: operation) {
    case .unset: if let known { talk.bits.remove(at: known) }
    case .toggle where known != nil: if let known { talk.bits.remove(at: known) }
    default:
      guard known == nil, talk.bits.count < Talk.bitLimit else { return }
      talk.bits.append(name)
    }
  }

  private func applyNumber(_ name: Int32, _ change: StateRecord) {
    guard let talk = admitTalk(scene.place) else { return }
    let known = talk.numbers.firstIndex { $0.name == name }
    let value = known.map { talk.numbers[$0].value } ?? 0
    let next =
      switch NumberChange(rawValue: change.operation) {
      case .add: value &+ change.value
      case .subtract: value &- min(value, change.value)
      default: change.value
      }
    if let known {
      talk.numbers[known].value = next
    } else if talk.numbers.count < Talk.bitLimit {
      talk.numbers.append((name, next))
    }
  }
}
