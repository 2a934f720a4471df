/// An instant of the host's monotonic clock: leases, heartbeats and redials only, never analysis.
public struct HostTime: Hashable, Comparable, Sendable {
  /// Nanoseconds since an arbitrary start.
  public var nanoseconds: UInt64

  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  public static func milliseconds(_ value: UInt64) -> HostTime {
    HostTime(nanoseconds: value.multipliedReportingOverflow(by: 1_000_000).partialValue)
  }

  public func adding(milliseconds: UInt64) -> HostTime {
    HostTime(nanoseconds: nanoseconds &+ milliseconds &* 1_000_000)
  }

  /// Whole milliseconds from `earlier` to this; none where that is later.
  public func milliseconds(since earlier: HostTime) -> UInt64 {
    nanoseconds > earlier.nanoseconds ? (nanoseconds - earlier.nanoseconds) / 1_000_000 : 0
  }

  public static func < (left: HostTime, right: HostTime) -> Bool {
    left.nanoseconds < right.nanoseconds
  }
}
