import Terms

/// A sum that halves with every `span` of event time.
struct FadingScore: Sendable {
  private(set) var value = 0.0
  private var time = CaptureTime.distantPast

  /// The sum as of `now`, `span` being the half-life.
  mutating func fade(to now: CaptureTime, span: TimeSpan) {
    defer { if now > time { time = now } }
    guard value > 0, now > time, span > .zero else { return }
    let halves = (now - time).seconds / span.seconds
    guard halves < 60 else {
      value = 0
      return
    }
    let whole = Int(halves)
    value *= (1 - (halves - Double(whole)) / 2) / Double(UInt64(1) << UInt64(whole))
  }

  mutating func add(_ amount: Double, at now: CaptureTime, span: TimeSpan) {
    fade(to: now, span: span)
    value += amount
  }
}
