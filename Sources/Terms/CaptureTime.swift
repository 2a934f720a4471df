/// An instant of event time: nanoseconds since 1970-01-01T00:00:00Z, as the capture states it.
///
/// Engines know no other clock. Arithmetic saturates, so a hostile timestamp cannot trap.
@frozen public struct CaptureTime: Hashable, Comparable, Sendable, Codable {
  /// Nanoseconds since the UTC epoch.
  public var nanoseconds: Int64

  @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// UTC epoch seconds, fractions allowed (rounded to the nanosecond).
  public init(seconds: Double) { nanoseconds = TimeSpan.seconds(seconds).nanoseconds }

  /// Before every capture: the watermark of a source that has said nothing yet.
  @inlinable public static var distantPast: Self { Self(nanoseconds: .min) }
  /// After every capture: the watermark of a source that has ended.
  @inlinable public static var distantFuture: Self { Self(nanoseconds: .max) }

  /// The time as a number that keeps the order of times, 0 for `distantPast`: what zeroed memory
  /// holds is before every capture.
  @inlinable public var ordered: UInt64 { UInt64(bitPattern: nanoseconds) ^ 1 &<< 63 }

  /// The time of an `ordered` number.
  @inlinable public init(ordered: UInt64) { nanoseconds = Int64(bitPattern: ordered ^ 1 &<< 63) }

  /// UTC epoch seconds; exact to about a microsecond (a `Double` carries no more today).
  @inlinable public var seconds: Double { Double(nanoseconds) / 1e9 }

  @inlinable public static func < (left: CaptureTime, right: CaptureTime) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  @inlinable public static func + (time: CaptureTime, span: TimeSpan) -> CaptureTime {
    let (sum, overflow) = time.nanoseconds.addingReportingOverflow(span.nanoseconds)
    return CaptureTime(nanoseconds: overflow ? (span.nanoseconds < 0 ? .min : .max) : sum)
  }

  @inlinable public static func - (time: CaptureTime, span: TimeSpan) -> CaptureTime {
    let (difference, overflow) = time.nanoseconds.subtractingReportingOverflow(span.nanoseconds)
    return CaptureTime(nanoseconds: overflow ? (span.nanoseconds < 0 ? .max : .min) : difference)
  }

  @inlinable public static func - (left: CaptureTime, right: CaptureTime) -> TimeSpan {
    let (difference, overflow) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
    return TimeSpan(nanoseconds: overflow ? (left < right ? .min : .max) : difference)
  }

  /// The start of the epoch of length `span` (positive) that holds this instant; epochs are aligned
  /// to 1970, so that all monitors cut the same ones.
  @inlinable public func epochStart(_ span: TimeSpan) -> CaptureTime {
    let remainder = nanoseconds % span.nanoseconds
    return CaptureTime(
      nanoseconds: nanoseconds &- (remainder < 0 ? remainder &+ span.nanoseconds : remainder))
  }
}

extension CaptureTime: CustomStringConvertible {
  /// UTC epoch seconds with six decimals; `never` and `ended` for the two ends of time.
  public var description: String {
    if self == .distantPast { return "never" }
    if self == .distantFuture { return "ended" }
    let micros = nanoseconds / 1000
    let fraction = String((micros % 1_000_000).magnitude)
    let sign = micros < 0 && micros > -1_000_000 ? "-" : ""
    return sign + "\(micros / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count)
      + fraction
  }
}
