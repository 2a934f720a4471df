import Reports

/// A report with its place in its producer's outbox: sequences start at 1 per lane and only grow.
public struct SequencedReport: Hashable, Sendable {
  public var sequence: UInt64
  public var report: Report

  public init(sequence: UInt64, report: Report) {
    self.sequence = sequence
    self.report = report
  }
}
