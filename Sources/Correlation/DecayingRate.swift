import Glibc
import Terms

/// A count that forgets: half of it per half-life.
struct DecayingRate: Sendable, Codable {
  let halfLife: TimeSpan
  private var amount = 0.0
  private var updated = CaptureTime.distantPast

  init(halfLife: TimeSpan) { self.halfLife = halfLife }

  mutating func add(_ value: Double, at time: CaptureTime) {
    amount = amount(asOf: time) + value
    updated = max(updated, time)
  }

  /// How much a window of this length should hold if things go on as remembered.
  func expected(within span: TimeSpan, asOf now: CaptureTime) -> Double {
    // A steady rate r settles at r · halfLife / ln 2.
    amount(asOf: now) * log(2) * span.seconds / halfLife.seconds
  }

  private func amount(asOf time: CaptureTime) -> Double {
    guard updated > .distantPast, time > updated else { return amount }
    return amount * exp2(-(time - updated).seconds / halfLife.seconds)
  }
}
