/// The faults found so far in one file, and the ways to read values while noting what is wrong with
/// them.
package struct FaultLog {
  /// A file with more faults than this lists no more: it is most likely no topology at all.
  static let faultLimit = 200

  let file: String
  package private(set) var faults: [TopologyFault] = []

  package init(file: String) { self.file = file }

  /// Notes a fault; `candidates` are the right names from which the nearest is suggested.
  package mutating func add(
    _ position: Position, _ kind: TopologyFault.Kind, wrong name: String = "",
    among candidates: [String] = []
  ) {
    guard faults.count <= Self.faultLimit else { return }
    let isLast = faults.count == Self.faultLimit
    faults.append(
      TopologyFault(
        file: file, line: position.line, column: position.column,
        kind: isLast ? .more(limit: Self.faultLimit) : kind,
        suggestion: isLast ? nil : NearestName.of(name, among: candidates)))
  }

  /// By place; the note that more follow stays last.
  package var sorted: [TopologyFault] {
    func isMore(_ fault: TopologyFault) -> Int { fault.kind.rule == "more-faults" ? 1 : 0 }
    return faults.enumerated().sorted { left, right in
      (isMore(left.element), left.element.line, left.element.column, left.offset)
        < (isMore(right.element), right.element.line, right.element.column, right.offset)
    }.map(\.element)
  }
}

/// The entries of one mapping whose keys are known.
package struct YAMLFields {
  /// What the mapping describes, for messages: `monitor 'hq'`.
  let owner: String
  package let position: Position
  /// False when no mapping stood there, which is one fault and not one per missing key.
  private let isMapping: Bool
  private let entries: [String: YAMLValue.Entry]

  init(
    owner: String, position: Position, isMapping: Bool, entries: [String: YAMLValue.Entry]
  ) {
    self.owner = owner
    self.position = position
    self.isMapping = isMapping
    self.entries = entries
  }

  package subscript(key: String) -> YAMLValue? { entries[key]?.value }
  package func keyPosition(_ key: String) -> Position? { entries[key]?.keyPosition }
  /// Whether the mapping is there and has no such key.
  fileprivate func lacks(_ key: String) -> Bool { isMapping && entries[key] == nil }
}

extension FaultLog {
  /// The entries of a mapping; an empty value is an empty mapping, another shape a fault.
  package mutating func entries(_ value: YAMLValue) -> [YAMLValue.Entry] {
    if value.isNull { return [] }
    guard case .mapping(let entries) = value.content else {
      add(value.position, .wrongShape(due: .mapping, found: value.shape))
      return []
    }
    return entries
  }

  /// The fields of a mapping; keys outside `keys` are faults.
  package mutating func fields(
    _ value: YAMLValue, of owner: String, keys: [String], at: Position? = nil
  ) -> YAMLFields {
    var known: [String: YAMLValue.Entry] = [:]
    for entry in entries(value) {
      if keys.contains(entry.key) {
        known[entry.key] = entry
      } else {
        add(entry.keyPosition, .unknownKey(entry.key, of: owner), wrong: entry.key, among: keys)
      }
    }
    return YAMLFields(
      owner: owner, position: at ?? value.position,
      isMapping: value.isNull || value.shape == .mapping, entries: known)
  }

  /// A field that must be there.
  package mutating func required(_ key: String, _ fields: YAMLFields) -> YAMLValue? {
    if fields.lacks(key) { add(fields.position, .missingKey(key, of: fields.owner)) }
    return fields[key]
  }

  /// The items of a list; one value alone is a list of one, an empty value an empty list.
  package mutating func items(_ value: YAMLValue?) -> [YAMLValue] {
    guard let value, !value.isNull else { return [] }
    switch value.content {
    case .list(let items):
      guard items.count > YAMLFile.listLimit else { return items }
      add(value.position, .tooMany("items in a list", limit: YAMLFile.listLimit))
      return Array(items.prefix(YAMLFile.listLimit))
    case .scalar: return [value]
    case .mapping:
      add(value.position, .wrongShape(due: .list, found: .mapping))
      return []
    }
  }

  package mutating func scalar(_ value: YAMLValue) -> String? {
    guard case .scalar(let text) = value.content else {
      add(value.position, .wrongShape(due: .scalar, found: value.shape))
      return nil
    }
    return text
  }

  /// A scalar read by `parse`; text that it refuses is a fault.
  package mutating func read<Value>(
    _ value: YAMLValue?, as form: TopologyFault.ValueForm, _ parse: (String) -> Value?
  ) -> Value? {
    guard let value, let text = scalar(value) else { return nil }
    guard let parsed = parse(text) else {
      add(value.position, .malformed(text, form))
      return nil
    }
    return parsed
  }

  /// A scalar that must be one of `names`.
  package mutating func choice(
    _ value: YAMLValue?, of names: [String], role: TopologyFault.NameRole
  ) -> String? {
    guard let value, let text = scalar(value) else { return nil }
    guard names.contains(text) else {
      add(value.position, .unknownName(role, text), wrong: text, among: names)
      return nil
    }
    return text
  }
}
