import Reports
import Terms

/// What parents want of their children, and monitors without parents of their peers.
///
/// A parent's entry holds for all its children, `children` within it for one of them; what an entry
/// leaves out comes from the wider one, at last from `Subscription.standard`.
extension TopologyParser {
  mutating func readSubscriptions(_ value: YAMLValue) {
    let pairs = monitors.flatMap { monitor in
      let own = monitor.definition
      return own.parents.map { ($0.text, own.name) }
        + own.peers.flatMap { [($0.text, own.name), (own.name.text, $0)] }
    }
    let children = Dictionary(grouping: pairs, by: \.0).mapValues { $0.map(\.1) }
    let parents = children.keys.sorted()
    for entry in log.entries(value) {
      guard let parent = MonitorName(entry.key), let own = children[entry.key] else {
        log.add(
          entry.keyPosition, .unknownName(.parent, entry.key), wrong: entry.key, among: parents)
        continue
      }
      readSubscription(of: parent, children: own, entry)
    }
  }

  private mutating func readSubscription(
    of parent: MonitorName, children: [MonitorName], _ entry: YAMLValue.Entry
  ) {
    let fields = log.fields(
      entry.value, of: "the subscription of '\(parent)'",
      keys: ["kinds", "severity", "budget", "children"])
    let general = subscription(fields, over: .standard)
    for child in children {
      subscriptions[SubscriptionLink(parent: parent, child: child)] = general
    }
    guard let value = fields["children"] else { return }
    for entry in log.entries(value) {
      guard let child = children.first(where: { $0.text == entry.key }) else {
        log.add(
          entry.keyPosition, .unknownName(.child, entry.key), wrong: entry.key,
          among: children.map(\.text))
        continue
      }
      let own = log.fields(
        entry.value, of: "the subscription of '\(parent)' to '\(child)'",
        keys: ["kinds", "severity", "budget"])
      subscriptions[SubscriptionLink(parent: parent, child: child)] = subscription(
        own, over: general)
    }
  }

  private mutating func subscription(
    _ fields: YAMLFields, over wider: Subscription
  ) -> Subscription {
    let patterns: [String]? = fields["kinds"].map { value in
      log.items(value).compactMap { pattern($0) }
    }
    let severity = log.number(fields["severity"], in: 0...10)
    var budget = wider.budget
    if let value = fields["budget"] {
      if case .scalar("none") = value.content {
        budget = nil
      } else {
        budget = log.quantity(value, as: .rate, Quantity.rate) ?? budget
      }
    }
    return Subscription(
      kinds: patterns ?? wider.kinds, leastSeverity: severity ?? wider.leastSeverity,
      budget: budget)
  }

  /// Interest by kind, from 0 to 1.
  mutating func readInterest(_ value: YAMLValue) {
    for entry in log.entries(value) {
      let key = YAMLValue(content: .scalar(entry.key), position: entry.keyPosition)
      let share = log.number(entry.value, in: 0...1, as: .ratio)
      if let kind = pattern(key), let share { interest[kind] = share }
    }
  }

  /// A pattern must fit at least one kind of the schema.
  private mutating func pattern(_ value: YAMLValue) -> String? {
    guard let text = log.scalar(value) else { return nil }
    guard let schema, text != "*" else { return text }
    guard !schema.kinds.keys.contains(where: { $0.matches(text) }) else { return text }
    let kinds = schema.kinds.keys.map(\.text)
    let families = Set(schema.kinds.keys.map { "\($0.family).*" })
    log.add(
      value.position, .unknownName(.kind, text), wrong: text,
      among: text.hasSuffix(".*") ? families.sorted() : kinds.sorted())
    return nil
  }
}
