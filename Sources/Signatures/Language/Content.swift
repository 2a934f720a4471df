/// A fixed string to be found in a buffer: `content:"…"` with its modifiers.
public struct Content: Sendable, Equatable {
  /// At least one octet.
  public var bytes: [UInt8]
  /// Must not be found where the other modifiers allow it.
  public var isNegated = false
  /// ASCII letters of either case.
  public var ignoresCase = false
  /// The match begins at this octet of the buffer, or later.
  public var offset: Operand?
  /// The match ends within this many octets from `offset` (0 without one).
  public var depth: Operand?
  /// The match begins at least this many octets behind the end of the previous match; may be
  /// negative.
  public var distance: Operand?
  /// The match ends within this many octets from the end of the previous match (plus `distance`).
  public var within: Operand?
  /// The match begins at octet 0: `offset` 0 and `depth` as long as the content are implied.
  public var startsBuffer = false
  /// The match ends with the buffer.
  public var endsBuffer = false
  /// Looks at the payload as it came, not normalised.
  public var isRaw = false
  public var fastPattern: FastPattern?

  /// Seeks from the end of the previous match of its group.
  public var isRelative: Bool { distance != nil || within != nil }

  public init(bytes: [UInt8]) { self.bytes = bytes }
}

/// Which content of a rule the author wants searched first.
public enum FastPattern: Sendable, Hashable {
  case whole
  /// The content need not be looked at again after the search.
  case only
  /// A part of the content.
  case part(offset: UInt16, length: UInt16)
}

/// A number of the rule, or one that byte_extract or byte_math read from the traffic.
public enum Operand: Sendable, Hashable {
  case constant(Int)
  /// 0 ..< `Rule.variableCount`.
  case variable(Int)
}

/// A regular expression: `pcre:"/…/flags"`. Perl syntax, compiled once by PCRE2 when the rule was
/// read, so it is known to compile with `options`.
public struct Expression: Sendable, Equatable {
  public struct Options: OptionSet, Sendable, Hashable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// i
    public static let ignoresCase = Options(rawValue: 1)
    /// m: `^` and `$` at lines.
    public static let multiline = Options(rawValue: 2)
    /// s: `.` finds line feeds.
    public static let dotAll = Options(rawValue: 4)
    /// x
    public static let extended = Options(rawValue: 8)
    /// A: only where the search begins.
    public static let anchored = Options(rawValue: 16)
    /// E: `$` only at the very end.
    public static let dollarEndOnly = Options(rawValue: 32)
    /// G
    public static let ungreedy = Options(rawValue: 64)
  }

  /// Without the delimiters, as octets; not always UTF-8.
  public var pattern: [UInt8]
  public var options: Options = []
  public var isNegated = false
  /// R: the search begins at the end of the previous match of the group.
  public var isRelative = false

  public init(pattern: [UInt8]) { self.pattern = pattern }
}
