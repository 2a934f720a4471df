/// What rules are read with: keywords, variables, and what was found of texts that return in many
/// rules.
final class RuleVocabulary {
  let keywords: [String: Keyword]
  var addresses: RangeReader<AddressRanges>
  var ports: RangeReader<PortRanges>
  let checksExpressions: Bool
  private var classifications: [String: Classification] = Classification.known

  init(variables: RuleVariables, checksExpressions: Bool) {
    keywords = Keyword.table
    addresses = RangeReader(variables: variables.addresses)
    ports = RangeReader(variables: variables.ports)
    self.checksExpressions = checksExpressions
  }

  /// nil for a class that no one has classified.
  func classification(_ name: String) -> Classification? { classifications[name] }
}
