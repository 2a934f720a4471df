/// Whether the parts of a rule go together.
extension RuleParser {
  mutating func validate() throws(RuleFault) {
    guard hasSignature else { throw RuleFault(0, "the rule has no sid") }
    try checkSelectionIsUsed(before: text.end)
    rule.buffers.removeAll { $0.conditions.isEmpty }
    try settleApplication()
    try settleDirection()
    for group in rule.buffers { try checkSize(of: group) }
  }

  /// A buffer of HTTP makes a rule one for HTTP; one rule is for one protocol.
  private mutating func settleApplication() throws(RuleFault) {
    for group in rule.buffers {
      guard let needed = group.buffer.application else { continue }
      guard let present = rule.header.protocol.application else {
        rule.header.protocol.application = needed
        continue
      }
      guard present == needed else {
        throw fault(
          group, "is of \(needed.rawValue), the rule for \(present.rawValue)")
      }
    }
    guard let application = rule.header.protocol.application else { return }
    if application != .http, let group = rule.buffers.first(where: { $0.buffer == .fileData }) {
      throw fault(group, "is filled from HTTP only, the rule is for \(application.rawValue)")
    }
    let carrier = application.transport
    let transport = rule.header.protocol.transport
    if transport == .any { rule.header.protocol.transport = carrier }
    guard
      carrier == .any || transport == .any || transport == carrier || transport == .ipv4
        || transport == .ipv6
    else {
      throw RuleFault(0, "no \(application.rawValue) goes over \(transport)")
    }
  }

  /// What is said by one end only is looked for in that end's messages only.
  private mutating func settleDirection() throws(RuleFault) {
    var direction = rule.flow.direction
    for group in rule.buffers {
      guard let needed = group.buffer.direction else { continue }
      guard direction == nil || direction == needed else {
        throw fault(
          group, "is in messages \(needed == .toServer ? "to the server" : "to the client") only")
      }
      direction = needed
    }
  }

  /// A content that is longer than the buffer may be is never found.
  private func checkSize(of group: BufferMatch) throws(RuleFault) {
    var largest = UInt32.max
    for case .size(let range) in group.conditions where !range.isNegated {
      largest = min(largest, range.high)
    }
    for case .content(let content) in group.conditions
    where !content.isNegated && content.bytes.count > Int(largest) {
      throw fault(
        group, "has \(largest) octets at most, and a content \(content.bytes.count)")
    }
  }

  private func fault(_ group: BufferMatch, _ reason: String) -> RuleFault {
    var fault = RuleFault(0, "the buffer \(reason)")
    fault.keyword = group.buffer.rawValue
    return fault
  }
}
