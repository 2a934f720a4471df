import Signatures
import Testing

/// Reads one rule with these options, under a head for TCP unless another is given.
func rule(
  _ options: String, head: String = "alert tcp any any -> any any",
  location: SourceLocation = #_sourceLocation
) throws -> Rule {
  let rules = read("\(head) (msg:\"test\"; \(options) sid:1;)")
  return try #require(
    rules.rules.first, "\(rules.unsupported.first?.reason ?? "no rule")", sourceLocation: location)
}

/// The fault of such a rule, as `keyword: reason`.
func fault(_ options: String, head: String = "alert tcp any any -> any any") -> String? {
  let rules = read("\(head) (msg:\"test\"; \(options) sid:1;)")
  return rules.unsupported.first.map { "\($0.keyword): \($0.reason)" }
}

func read(_ text: String, variables: RuleVariables = RuleVariables()) -> RuleSet {
  var reader = RuleReader(variables: variables)
  reader.read(text, file: "test.rules")
  return reader.rules
}

extension Rule {
  /// The contents of a buffer, in order.
  func contents(of buffer: StickyBuffer) -> [Content] {
    conditions(on: buffer).compactMap {
      if case .content(let content) = $0 { content } else { nil }
    }
  }

  func conditions(on buffer: StickyBuffer) -> [PayloadCondition] {
    buffers.filter { $0.buffer == buffer }.flatMap(\.conditions)
  }
}

extension Content {
  var text: String { String(decoding: bytes, as: UTF8.self) }
}
