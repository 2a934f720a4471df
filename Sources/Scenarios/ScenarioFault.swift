import Hierarchy
import Terms

/// One rule that a scenario file, or the topology it names, breaks, and where.
public struct ScenarioFault: Error, Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    /// A rule that scenario and topology files share.
    case form(TopologyFault.Kind)
    /// A capture or topology file that is not there or not a file.
    case noFile(String)
    /// A capture for a monitor that takes reports, not packets.
    case notLocal(MonitorName, Tier)
    /// An offset for a monitor without a capture.
    case noCapture(MonitorName)
    case notSpeed(String)
    /// A length of time that may be negative.
    case notOffset(String)
    /// A pattern that no kind of the schema fits.
    case unknownKind(String)
    /// An attribute that no kind of the pattern has.
    case unknownAttribute(String, kind: String)
    /// `atLeast` above `atMost`.
    case contradiction(least: Int, most: Int)
    /// Neither captures nor anything to expect.
    case nothingToReplay
  }

  /// The path as it was given; the topology's for its own faults.
  public var file: String
  /// Counted from 1.
  public var line: Int
  public var column: Int
  public var kind: Kind
  /// The nearest right name, where there is one.
  public var suggestion: String?

  public init(file: String, line: Int, column: Int, kind: Kind, suggestion: String? = nil) {
    self.file = file
    self.line = line
    self.column = column
    self.kind = kind
    self.suggestion = suggestion
  }

  public init(_ fault: TopologyFault) {
    self.init(
      file: fault.file, line: fault.line, column: fault.column, kind: .form(fault.kind),
      suggestion: fault.suggestion)
  }
}

extension ScenarioFault: CustomStringConvertible {
  /// `file:line:column: message [rule]; did you mean 'x'?`
  public var description: String {
    if case .form(let kind) = kind {
      return TopologyFault(
        file: file, line: line, column: column, kind: kind, suggestion: suggestion
      ).description
    }
    let hint = suggestion.map { "; did you mean '\($0)'?" } ?? ""
    return "\(file):\(line):\(column): \(message) [\(rule)]\(hint)"
  }

  /// The rule's stable name.
  public var rule: String {
    switch kind {
    case .form(let kind): kind.rule
    case .noFile: "no-file"
    case .notLocal: "not-local"
    case .noCapture: "no-capture"
    case .notSpeed: "not-speed"
    case .notOffset: "not-offset"
    case .unknownKind: "unknown-kind"
    case .unknownAttribute: "unknown-attribute"
    case .contradiction: "contradiction"
    case .nothingToReplay: "nothing-to-replay"
    }
  }

  /// What is wrong, in words, without place, rule or suggestion.
  public var message: String {
    switch kind {
    case .form(let kind):
      TopologyFault(file: file, line: line, column: column, kind: kind).message
    case .noFile(let path): "no file '\(Self.shown(path))'"
    case .notLocal(let monitor, let tier):
      "'\(monitor)' is a \(tier.rawValue) monitor: captures are for local monitors"
    case .noCapture(let monitor): "'\(monitor)' has no capture to shift"
    case .notSpeed(let text): "'\(Self.shown(text))' is no speed: max, or a factor such as 10x"
    case .notOffset(let text):
      "'\(Self.shown(text))' is no offset: a number with ms, s, m, h or d, such as 2s or -2s"
    case .unknownKind(let pattern): "no report kind fits '\(Self.shown(pattern))'"
    case .unknownAttribute(let name, let kind):
      "\(Self.shown(kind)) has no attribute '\(Self.shown(name))'"
    case .contradiction(let least, let most): "at least \(least) and at most \(most)"
    case .nothingToReplay: "no captures: nothing to replay"
    }
  }

  /// Text from a file must not drive the terminal.
  private static func shown(_ text: String) -> String {
    let limit = 80
    let scalars = text.unicodeScalars.prefix(limit).map { scalar in
      scalar.properties.generalCategory == .control ? "\u{FFFD}" : Character(scalar)
    }
    return String(scalars) + (text.unicodeScalars.count > limit ? "…" : "")
  }
}

/// Every fault of one load, by place; never empty.
public struct ScenarioFaults: Error, Hashable, Sendable, CustomStringConvertible {
  public let faults: [ScenarioFault]

  public init(_ faults: [ScenarioFault]) { self.faults = faults }

  /// One line per fault.
  public var description: String { faults.map(\.description).joined(separator: "\n") }
}
