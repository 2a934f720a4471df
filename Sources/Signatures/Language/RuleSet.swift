/// The rules of any number of files, and those that could not be taken.
public struct RuleSet: Sendable {
  /// As they were named when read.
  public var files: [String] = []
  /// In the order of the files.
  public var rules: [Rule] = []
  public var unsupported: [UnsupportedRule] = []
  /// Rules behind a `#`.
  public var disabledCount = 0

  public init() {}
}

/// A rule that is not evaluated, and the first reason for it.
public struct UnsupportedRule: Sendable, Hashable, Codable {
  public var file: String
  /// From 1: the line of the keyword.
  public var line: Int
  /// From 1, in octets.
  public var column: Int
  /// nil where the rule has none, or is too broken to tell.
  public var signature: UInt32?
  /// The keyword at fault; empty where the rule's head or its form is.
  public var keyword: String
  public var reason: String

  public init(
    file: String, line: Int, column: Int, signature: UInt32?, keyword: String, reason: String
  ) {
    self.file = file
    self.line = line
    self.column = column
    self.signature = signature
    self.keyword = keyword
    self.reason = reason
  }
}
