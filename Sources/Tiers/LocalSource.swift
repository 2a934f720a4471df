import Reports
import Terms

/// What a local monitor's engines find, piece by piece: a capture being analysed, or a script in a
/// test.
public protocol LocalSource {
  /// The next piece; nil when the source has ended.
  mutating func next() throws -> LocalPiece?

  /// Loss counters so far, by name.
  var losses: [String: UInt64] { get }
}

extension LocalSource {
  public var losses: [String: UInt64] { [:] }
}

public struct LocalPiece: Sendable {
  public var reports: [Report]
  /// Nothing later is emitted at or before this.
  public var watermark: CaptureTime

  public init(reports: [Report], watermark: CaptureTime) {
    self.reports = reports
    self.watermark = watermark
  }

  /// What can be promised at `time` already, before this piece is told.
  func promise(by time: CaptureTime) -> CaptureTime {
    let first = reports.map(\.emitted).min() ?? .distantFuture
    return min(time, watermark, first - TimeSpan(nanoseconds: 1))
  }
}

/// A segment without a capture: it has nothing to say.
public struct SilentSource: LocalSource {
  public init() {}

  public mutating func next() -> LocalPiece? { nil }
}
