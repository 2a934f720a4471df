import Reports
import Terms

/// What a scenario expects of its replay, or forbids. Conditions that are not set hold for every
/// report.
///
/// It is held against incidents and detections, newest revisions, of every tier and monitor.
public struct Expectation: Sendable, Hashable {
  public enum Mode: String, Sendable, Hashable {
    /// At least one report fits, or as many as `count` says.
    case expect
    /// No report fits.
    case forbid
  }

  /// A condition on the sources or targets of a report.
  public struct Parties: Sendable, Hashable {
    /// Of the distinct count, named or not.
    public var atLeast: Int?
    public var atMost: Int?
    /// Each must meet an address or prefix that the report names.
    public var includes: [IPPrefix]

    public init(atLeast: Int? = nil, atMost: Int? = nil, includes: [IPPrefix] = []) {
      self.atLeast = atLeast
      self.atMost = atMost
      self.includes = includes
    }
  }

  public var mode: Mode
  /// A whole kind, `family.*` or `*`.
  public var kind: String
  public var tier: Tier?
  public var monitor: MonitorName?
  public var sources = Parties()
  public var targets = Parties()
  public var leastSeverity: Double?
  /// Attributes by name, as text: `22`, `syn`, `10.0.0.1`.
  public var attributes: [String: String] = [:]
  /// Event time into the replay before which nothing fits: counted from the first packet of all
  /// captures, offsets included.
  public var since: TimeSpan?
  /// `raised` is at most so much event time after `since`, or after the first packet without one.
  public var within: TimeSpan?
  /// How many reports must fit; nil is one or more.
  public var leastCount: Int?
  public var mostCount: Int?

  public init(_ mode: Mode, kind: String) {
    self.mode = mode
    self.kind = kind
  }
}

extension Expectation: CustomStringConvertible {
  /// In words, without the mode: `recon.distributed-scan at domain, sources ≥ 15, within 60s`.
  public var description: String {
    var parts = [kind + (tier.map { " at \($0.rawValue)" } ?? "")]
    if let monitor { parts[0] += (tier == nil ? " at " : " ") + monitor.text }
    for (name, parties) in [("sources", sources), ("targets", targets)] {
      if let least = parties.atLeast { parts.append("\(name) ≥ \(least)") }
      if let most = parties.atMost { parts.append("\(name) ≤ \(most)") }
      if !parties.includes.isEmpty {
        parts.append("\(name) with " + parties.includes.map(\.description).joined(separator: " "))
      }
    }
    if let leastSeverity { parts.append("severity ≥ \(Figures.short(leastSeverity))") }
    for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
      parts.append("\(name) \(value)")
    }
    if let since { parts.append("since \(since)") }
    if let within { parts.append("within \(within)") }
    if let leastCount { parts.append("count ≥ \(leastCount)") }
    if let mostCount { parts.append("count ≤ \(mostCount)") }
    return parts.joined(separator: ", ")
  }
}
