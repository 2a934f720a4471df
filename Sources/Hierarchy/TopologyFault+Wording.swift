extension TopologyFault: CustomStringConvertible {
  /// `file:line:column: message [rule]; did you mean 'x'?`
  public var description: String {
    let hint = suggestion.map { "; did you mean '\(Self.shown($0))'?" } ?? ""
    return "\(file):\(line):\(column): \(message) [\(kind.rule)]\(hint)"
  }

  /// The longest quotation from a file, in characters.
  static let shownLimit = 80

  /// `text` cut to `shownLimit`, control characters replaced: a file must not drive the terminal.
  static func shown(_ text: String) -> String {
    let scalars = text.unicodeScalars.prefix(shownLimit).map { scalar in
      scalar.properties.generalCategory == .control ? "\u{FFFD}" : Character(scalar)
    }
    return String(scalars) + (text.unicodeScalars.count > shownLimit ? "…" : "")
  }
}

extension TopologyFault.Kind {
  /// The rule's stable name.
  public var rule: String {
    switch self {
    case .unreadable: "unreadable"
    case .tooLarge: "too-large"
    case .notText: "not-text"
    case .syntax: "syntax"
    case .empty: "empty"
    case .tooDeep: "too-deep"
    case .tooMany: "too-many"
    case .alias: "alias"
    case .wrongVersion: "wrong-version"
    case .missingKey: "missing-key"
    case .unknownKey: "unknown-key"
    case .misplacedKey: "misplaced-key"
    case .duplicateKey: "duplicate-key"
    case .wrongShape: "wrong-shape"
    case .malformed: "malformed"
    case .wrongUnit: "wrong-unit"
    case .outOfRange: "out-of-range"
    case .unknownName(let role, _): "unknown-\(role.rawValue)"
    case .repeatedName: "repeated-name"
    case .cycle: "cycle"
    case .sharedAddress: "shared-address"
    case .overlappingPrefixes: "overlapping-prefixes"
    case .outsideSegment: "outside-segment"
    case .duplicateAddress: "duplicate-address"
    case .noSegment: "no-segment"
    case .noChildren: "no-children"
    case .noRoot: "no-root"
    case .wrongTier: "wrong-tier"
    case .takenName: "taken-name"
    case .inventory: "inventory"
    case .noOpening: "no-opening"
    case .more: "more-faults"
    }
  }

  var message: String {
    switch self {
    case .unreadable, .tooLarge, .notText, .syntax, .empty, .tooDeep, .tooMany, .alias, .more:
      fileMessage
    case .wrongVersion, .missingKey, .unknownKey, .misplacedKey, .duplicateKey, .wrongShape,
      .malformed, .wrongUnit, .outOfRange:
      valueMessage
    default: relationMessage
    }
  }

  private var fileMessage: String {
    switch self {
    case .unreadable(let reason): "cannot be read: \(reason)"
    case .tooLarge(let limit): "longer than \(limit) bytes"
    case .notText: "not UTF-8 text"
    case .syntax(let problem): "not YAML: \(Self.shown(problem))"
    case .empty: "nothing in it"
    case .tooDeep(let limit): "nested deeper than \(limit) levels"
    case .tooMany(let things, let limit): "more than \(limit) \(things)"
    case .alias: "aliases are not part of the format; write the value out"
    case .more(let limit): "more than \(limit) faults; the rest are not listed"
    default: ""
    }
  }

  private var valueMessage: String {
    switch self {
    case .wrongVersion(let found): "version '\(Self.shown(found))' of the format; known is 1"
    case .missingKey(let key, let owner): "\(Self.shown(owner)) lacks '\(key)'"
    case .unknownKey(let key, let owner): "\(owner) has no key '\(Self.shown(key))'"
    case .misplacedKey(let key, let owner): "'\(key)' means nothing for \(owner)"
    case .duplicateKey(let key, let line):
      "key '\(Self.shown(key))' is already given in line \(line)"
    case .wrongShape(let due, let found): "\(due.rawValue) is due, not \(found.rawValue)"
    case .malformed(let text, let form): "'\(Self.shown(text))' is not \(form.rawValue)"
    case .wrongUnit(let text, let form):
      "'\(Self.shown(text))' has not the unit due: \(form.rawValue)"
    case .outOfRange(let text, let range): "\(Self.shown(text)) is outside \(range)"
    default: ""
    }
  }

  private var relationMessage: String {
    switch self {
    case .unknownName(let role, let name): "unknown \(role.rawValue) '\(Self.shown(name))'"
    case .repeatedName(let name): "'\(Self.shown(name))' is already in this list"
    case .cycle(let names): "parents form a cycle: \(names.joined(separator: " → "))"
    case .sharedAddress(let address, let other): "\(address) is already taken by \(other)"
    case .overlappingPrefixes(let prefix, let other, let segment):
      "\(prefix) overlaps \(other) of segment '\(segment)'"
    case .outsideSegment(let address, let segment):
      "\(address) is not an address of segment '\(segment)'"
    case .duplicateAddress(let address, let asset): "\(address) already belongs to '\(asset)'"
    case .noSegment(let name): "local monitor '\(name)' watches no segment"
    case .noChildren(let name): "no monitor reports to '\(name)'"
    case .noRoot(let name): "'\(name)' has neither parents nor peers: no path to a root"
    case .wrongTier(let relation): relation
    case .takenName(let name, let file): "'\(Self.shown(name))' is already in \(file)"
    case .inventory(let what): TopologyFault.shown(what)
    case .noOpening(let what): "\(what) cannot open a directive: only a report can"
    default: ""
    }
  }

  private static func shown(_ text: String) -> String { TopologyFault.shown(text) }
}
