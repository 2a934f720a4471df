import Reports
import Terms

/// What a replay found: the contents of a result file.
public struct ReplayResult: Codable, Hashable, Sendable {
  public var scenario: String
  /// Whether every expectation held.
  public var passed: Bool
  public var expectations: [ExpectationResult]
  /// One row per incident and tier, the enterprise's first.
  public var incidents: [ReportRow]
  /// Verdicts of local monitors.
  public var detections: [ReportRow]
  /// Evidence that incidents and detections are derived from, so that `why` reaches packets; at
  /// most `evidenceLimit`.
  public var evidenceReports: [ReportRow]
  /// Derived-from evidence beyond the limit.
  public var evidenceOmitted: Int
  public var links: [LinkResult]
  /// Counts of what was lost, by monitor and loss counter.
  public var losses: [String: [String: UInt64]]
  public var timing: ReplayTiming

  /// Evidence reports in a result at most; the archives of `replay --keep` have all of them.
  public static let evidenceLimit = 2048
  /// Rows of one evidence report in a result at most; those of parties that a deriving report
  /// names come first.
  public static let summaryLimit = 16
}

/// What crossed one link.
public struct LinkResult: Codable, Hashable, Sendable {
  public var child: String
  public var parent: String
  public var reports: UInt64
  /// Bytes on the wire, up and down, without TLS framing; 0 in one process.
  public var bytes: UInt64

  public init(child: String, parent: String, reports: UInt64, bytes: UInt64) {
    self.child = child
    self.parent = parent
    self.reports = reports
    self.bytes = bytes
  }
}

/// When and how fast a replay ran.
public struct ReplayTiming: Codable, Hashable, Sendable {
  /// processes, in-process or attach.
  public var mode: String
  /// First and last packet, UTC epoch seconds of event time.
  public var first: Double
  public var last: Double
  /// Host seconds: the replay as a whole, and processor time of all monitors.
  public var wall: Double
  public var cpu: Double
  public var packets: UInt64
  public var bytes: UInt64
  /// The most memory that the replay's one process held; nil where monitors are processes.
  public var peakBytes: UInt64?

  public init(
    mode: String, first: CaptureTime, last: CaptureTime, wall: Double = 0, cpu: Double = 0,
    packets: UInt64 = 0, bytes: UInt64 = 0
  ) {
    self.mode = mode
    self.first = first.resultSeconds
    self.last = last.resultSeconds
    self.wall = wall
    self.cpu = cpu
    self.packets = packets
    self.bytes = bytes
  }
}

/// How one expectation fared.
public struct ExpectationResult: Codable, Hashable, Sendable {
  /// The expectation in words.
  public var expectation: String
  /// expect or forbid.
  public var mode: String
  public var held: Bool
  /// Why it failed, with the nearest miss; empty when it held.
  public var reason: String
  /// Ids of the reports that fit.
  public var matches: [String]

  public init(
    expectation: String, mode: String, held: Bool, reason: String, matches: [String]
  ) {
    self.expectation = expectation
    self.mode = mode
    self.held = held
    self.reason = reason
    self.matches = matches
  }
}
