import Reports
import Terms

/// Conditions, back-references and questions.
extension DirectiveParser {
  mutating func conditions(_ value: YAMLValue, attributes: [String]) -> [Condition] {
    let fields = log.fields(
      value, of: "'where'",
      keys: [
        "severity", "confidence", "sources", "targets", "ports", "transport", "tier", "monitors",
        "from", "to", "attributes",
      ])
    var conditions: [Condition] = []
    let numbers: [(String, (NumberBound) -> Condition)] = [
      ("severity", { .severity($0) }), ("confidence", { .confidence($0) }),
      ("sources", { .sources($0) }), ("targets", { .targets($0) }),
    ]
    for (key, make) in numbers {
      if let comparison = log.read(fields[key], as: .comparison, { NumberBound($0) }) {
        conditions.append(make(comparison))
      }
    }
    if let value = fields["ports"] { conditions += ports(value) }
    if let name = log.choice(
      fields["transport"], of: Self.transports.keys.sorted(), role: .transport)
    {
      conditions += Self.transports[name].map { [.transport($0)] } ?? []
    }
    if let name = log.choice(
      fields["tier"], of: Tier.allCases.map(\.rawValue), role: .tier)
    {
      conditions += Tier(rawValue: name).map { [.tier($0)] } ?? []
    }
    let monitors = log.items(fields["monitors"]).compactMap { log.scalar($0) }
    if !monitors.isEmpty { conditions.append(.monitors(monitors)) }
    if let value = fields["from"], let place = place(value) { conditions.append(.from(place)) }
    if let value = fields["to"], let place = place(value) { conditions.append(.to(place)) }
    if let value = fields["attributes"] {
      conditions += self.attributes(value, known: attributes)
    }
    return conditions
  }

  private static let transports: [String: TransportProtocol] = [
    "tcp": .tcp, "udp": .udp, "icmp": .icmp, "icmpv6": .icmpv6, "sctp": .sctp,
  ]

  /// `80`, `[22, 8000-8100]`, or `"!53"`.
  private mutating func ports(_ value: YAMLValue) -> [Condition] {
    var ranges: [ClosedRange<UInt16>] = []
    var isNegated = false
    for item in log.items(value) {
      guard let text = log.scalar(item) else { continue }
      let digits = text.hasPrefix("!") ? text.dropFirst() : text[...]
      if text.hasPrefix("!") { isNegated = true }
      let ends = digits.split(separator: "-", omittingEmptySubsequences: false)
      let numbers = ends.compactMap { Quantity.count($0) }.filter { $0 <= 65_535 }
      guard numbers.count == ends.count, (1...2).contains(numbers.count),
        let low = numbers.first, let high = numbers.last, low <= high
      else {
        log.add(item.position, .malformed(text, .ports))
        continue
      }
      ranges.append(UInt16(low)...UInt16(high))
    }
    return ranges.isEmpty ? [] : [.ports(ranges, isNegated: isNegated)]
  }

  private mutating func attributes(_ value: YAMLValue, known: [String]) -> [Condition] {
    log.entries(value).compactMap { entry in
      guard known.contains(entry.key) else {
        log.add(
          entry.keyPosition, .unknownName(.attribute, entry.key), wrong: entry.key, among: known)
        return nil
      }
      let texts = log.items(entry.value).compactMap { log.scalar($0) }
      guard let first = texts.first else { return nil }
      if texts.count == 1, let comparison = NumberBound(first) {
        return .attribute(entry.key, .number(comparison))
      }
      let isNegated = first.hasPrefix("!")
      let values = texts.map { ($0.hasPrefix("!") ? String($0.dropFirst()) : $0).lowercased() }
      return .attribute(entry.key, .oneOf(values, isNegated: isNegated))
    }
  }

  /// `inside`, `outside`, an address or prefix, or a mapping of several properties.
  mutating func place(_ value: YAMLValue) -> Place? {
    var place = Place()
    guard case .mapping = value.content else {
      for item in log.items(value) {
        guard let text = log.scalar(item) else { continue }
        switch text {
        case "inside": place.isInside = true
        case "outside": place.isInside = false
        default:
          let bare = text.hasPrefix("!") ? String(text.dropFirst()) : text
          if text.hasPrefix("!") { place.isNegated = true }
          guard let prefix = IPPrefix(bare) else {
            log.add(
              item.position, .malformed(text, .place), wrong: text, among: ["inside", "outside"])
            continue
          }
          place.prefixes.append(prefix)
        }
      }
      return place
    }
    let fields = log.fields(
      value, of: "a place", keys: ["place", "segments", "prefixes", "value", "runs", "os", "not"])
    if let name = log.choice(fields["place"], of: ["inside", "outside"], role: .place) {
      place.isInside = name == "inside"
    }
    place.segments = log.items(fields["segments"]).compactMap { item in
      log.read(item, as: .name) { MonitorName($0)?.text }
    }
    place.prefixes = log.items(fields["prefixes"]).compactMap { item in
      log.read(item, as: .prefix, IPPrefix.init)
    }
    place.value = log.read(fields["value"], as: .comparison) { NumberBound($0) }
    place.service = log.read(fields["runs"], as: .service) { Service($0) }
    place.os = log.read(fields["os"], as: .name) { MonitorName($0)?.text }
    place.isNegated = log.read(fields["not"], as: .boolean, TopologyParser.boolean) ?? false
    return place
  }

  mutating func field(_ value: YAMLValue, attributes: [String]) -> ReportField? {
    guard let text = log.scalar(value) else { return nil }
    guard let field = Self.field(text, attributes: attributes) else {
      log.add(
        value.position, .unknownName(.attribute, text), wrong: text,
        among: Self.fieldNames + attributes)
      return nil
    }
    return field
  }

  private static let fieldNames = ["source", "target", "port", "monitor"]

  private static func field(_ text: some StringProtocol, attributes: [String]) -> ReportField? {
    switch text {
    case "source": .source
    case "target": .target
    case "port": .port
    case "monitor": .monitor
    default: attributes.contains(String(text)) ? .attribute(String(text)) : nil
    }
  }

  /// `same: [source, "!target"]` with whatever opened the directive, and `join: {source:
  /// scan.target}`.
  mutating func joins(_ fields: YAMLFields, attributes: [String]) -> [Join] {
    var joins: [Join] = []
    for item in log.items(fields["same"]) {
      guard let text = log.scalar(item) else { continue }
      var bare = item
      bare.content = .scalar(text.hasPrefix("!") ? String(text.dropFirst()) : text)
      guard let field = field(bare, attributes: attributes) else { continue }
      joins.append(
        Join(field: field, reference: .opener, other: field, isNegated: text.hasPrefix("!")))
    }
    guard let value = fields["join"] else { return joins }
    for entry in log.entries(value) {
      guard let field = Self.field(entry.key, attributes: attributes) else {
        log.add(
          entry.keyPosition, .unknownName(.attribute, entry.key), wrong: entry.key,
          among: Self.fieldNames + attributes)
        continue
      }
      for item in log.items(entry.value) {
        guard let text = log.scalar(item) else { continue }
        let isNegated = text.hasPrefix("!")
        guard let other = reference(item, isNegated ? text.dropFirst() : text[...]) else {
          continue
        }
        joins.append(
          Join(
            field: field, reference: other.reference, other: other.field, isNegated: isNegated))
      }
    }
    return joins
  }

  /// `scan.target`: a field of an earlier stage.
  private mutating func reference(
    _ value: YAMLValue, _ text: Substring
  ) -> Question.Reference? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      log.add(value.position, .malformed(String(text), .reference))
      return nil
    }
    let name = String(parts[0])
    guard known.contains(name), let slot = slots.firstIndex(of: name) else {
      log.add(value.position, .unknownName(.stage, name), wrong: name, among: known)
      return nil
    }
    var names: Set<String> = []
    for stage in stages where stage.slot == slot {
      guard case .report(let test) = stage.test else { continue }
      for (kind, definition) in schema.kinds where test.accepts(kind) {
        names.formUnion(definition.fields.keys)
      }
    }
    guard let field = Self.field(parts[1], attributes: names.sorted()) else {
      log.add(
        value.position, .unknownName(.attribute, String(parts[1])), wrong: String(parts[1]),
        among: Self.fieldNames + names.sorted())
      return nil
    }
    return Question.Reference(reference: .slot(slot), field: field)
  }

  /// `ask: {service: up, of: scan.target, port: scan.port}`, `{host: answers, of: …}` or `{asset:
  /// {runs: tcp/80}, of: …}`.
  mutating func question(_ fields: YAMLFields) -> Question? {
    guard let value = fields["ask"] else { return nil }
    let inner = log.fields(
      value, of: "'ask'", keys: ["service", "host", "asset", "of", "port"])
    let subjects = ["service", "host", "asset"].filter { inner[$0] != nil }
    guard subjects.count == 1 else {
      log.add(
        value.position, .missingKey("exactly one of 'service', 'host' and 'asset'", of: "'ask'"))
      return nil
    }
    var subject = Question.Subject.asset(Place())
    switch subjects[0] {
    case "service":
      let state = log.choice(inner["service"], of: ["up", "down"], role: .answer)
      subject = .service(isUp: state != "down")
      _ = log.required("port", inner)
    case "host":
      let state = log.choice(inner["host"], of: ["answers", "silent"], role: .answer)
      subject = .host(answers: state != "silent")
    default: subject = .asset(inner["asset"].flatMap { place($0) } ?? Place())
    }
    let delay = log.quantity(fields["after"], as: .duration, Quantity.duration) ?? .zero
    var references: [Question.Reference?] = []
    for key in ["of", "port"] {
      let value = key == "of" ? log.required(key, inner) : inner[key]
      references.append(
        value.flatMap { item in log.scalar(item).flatMap { reference(item, $0[...]) } })
    }
    guard let of = references[0] else { return nil }
    guard of.field.isAddress else {
      if let value = inner["of"] { log.add(value.position, .malformed(of.field.text, .reference)) }
      return nil
    }
    return Question(subject: subject, of: of, port: references[1], delay: delay)
  }
}
