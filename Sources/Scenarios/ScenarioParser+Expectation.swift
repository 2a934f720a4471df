import Hierarchy
import Reports
import Terms

extension ScenarioParser {
  private static let expectationKeys = [
    "kind", "tier", "monitor", "sources", "targets", "severity", "attributes", "since", "within",
    "count",
  ]

  mutating func readExpectation(_ value: YAMLValue, _ mode: Expectation.Mode) -> Expectation? {
    let fields = log.fields(
      value, of: mode == .expect ? "expectation" : "forbidden report", keys: Self.expectationKeys)
    let kind = log.required("kind", fields).flatMap { readKind($0) }
    var expectation = Expectation(mode, kind: kind ?? "*")
    let tier = log.choice(
      fields["tier"], of: Tier.allCases.map(\.rawValue), role: .tier)
    expectation.tier = tier.flatMap { Tier(rawValue: $0) }
    if let value = fields["monitor"], let text = log.scalar(value) {
      expectation.monitor = monitor(text, at: value.position)
    }
    expectation.sources = readParties(fields["sources"], of: "sources")
    expectation.targets = readParties(fields["targets"], of: "targets")
    expectation.leastSeverity = readSeverity(fields["severity"])
    expectation.attributes = readAttributes(fields["attributes"], kind: kind)
    expectation.since = log.quantity(fields["since"], as: .duration, Quantity.duration)
    expectation.within = log.quantity(fields["within"], as: .duration, Quantity.duration)
    (expectation.leastCount, expectation.mostCount) = readCount(fields["count"])
    return kind == nil ? nil : expectation
  }

  /// A pattern that some kind of the schema fits.
  private mutating func readKind(_ value: YAMLValue) -> String? {
    guard let text = log.scalar(value) else { return nil }
    guard let topology else { return text }
    let kinds = topology.schema.kinds.keys.sorted()
    guard kinds.contains(where: { $0.matches(text) }) else {
      let families = Set(kinds.map { String($0.family) + ".*" }).sorted()
      add(
        value.position, .unknownKind(text), wrong: text,
        among: text.hasSuffix("*") ? families : kinds.map(\.text))
      return nil
    }
    return text
  }

  private mutating func readSeverity(_ value: YAMLValue?) -> Double? {
    guard let value else { return nil }
    guard case .mapping = value.content else { return log.number(value, in: 0...10) }
    let fields = log.fields(value, of: "severity", keys: ["atLeast"])
    return log.number(log.required("atLeast", fields), in: 0...10)
  }

  /// `{atLeast: n, atMost: n, includes: [address or prefix]}`, or the list of `includes` alone.
  private mutating func readParties(
    _ value: YAMLValue?, of owner: String
  ) -> Expectation.Parties {
    guard let value else { return Expectation.Parties() }
    guard case .mapping = value.content else {
      return Expectation.Parties(includes: readPrefixes(value))
    }
    let fields = log.fields(value, of: owner, keys: ["atLeast", "atMost", "includes"])
    let least = log.quantity(fields["atLeast"], as: .count, Quantity.count)
    let most = log.quantity(fields["atMost"], as: .count, Quantity.count)
    check(least, most, at: value.position)
    return Expectation.Parties(
      atLeast: least, atMost: most, includes: readPrefixes(fields["includes"]))
  }

  private mutating func readPrefixes(_ value: YAMLValue?) -> [IPPrefix] {
    log.items(value).compactMap { log.read($0, as: .prefix) { IPPrefix($0) } }
  }

  /// `{atLeast: n, atMost: n}`, or the exact number alone.
  private mutating func readCount(_ value: YAMLValue?) -> (least: Int?, most: Int?) {
    guard let value else { return (nil, nil) }
    guard case .mapping = value.content else {
      let count = log.quantity(value, as: .count, Quantity.count)
      return (count, count)
    }
    let fields = log.fields(value, of: "count", keys: ["atLeast", "atMost"])
    let least = log.quantity(fields["atLeast"], as: .count, Quantity.count)
    let most = log.quantity(fields["atMost"], as: .count, Quantity.count)
    check(least, most, at: value.position)
    return (least, most)
  }

  private mutating func check(_ least: Int?, _ most: Int?, at position: Position) {
    guard let least, let most, least > most else { return }
    add(position, .contradiction(least: least, most: most))
  }

  private mutating func readAttributes(_ value: YAMLValue?, kind: String?) -> [String: String] {
    guard let value else { return [:] }
    var attributes: [String: String] = [:]
    for entry in log.entries(value) {
      guard let text = log.scalar(entry.value) else { continue }
      attributes[entry.key] = text
      guard let topology, let kind else { continue }
      let fields = Set(
        topology.schema.kinds.filter { $0.key.matches(kind) }.flatMap(\.value.fields.keys))
      if !fields.contains(entry.key) {
        add(
          entry.keyPosition, .unknownAttribute(entry.key, kind: kind), wrong: entry.key,
          among: fields.sorted())
      }
    }
    return attributes
  }
}
