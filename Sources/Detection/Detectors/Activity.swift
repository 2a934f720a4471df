import Terms

/// When something happened, in 64 steps of a length that doubles as time goes on: coarse, but of
/// constant size.
struct Activity: Sendable {
  /// The first step's length; 2 to this power of nanoseconds is 17 ms.
  private static let shortest: Int64 = 24

  private var start: Int64 = 0
  private var shift = Activity.shortest
  private var steps: UInt64 = 0

  mutating func note(_ time: CaptureTime) {
    if steps == 0 { start = time.nanoseconds }
    let offset = max(0, time.nanoseconds &- start)
    while offset >> shift >= 64, shift < 62 {
      steps = Self.folded(steps)
      shift += 1
    }
    steps |= 1 << UInt64(offset >> shift & 63)
  }

  /// Whether something happened within about a step of that time.
  func covers(_ time: CaptureTime) -> Bool {
    let offset = time.nanoseconds &- start
    guard steps != 0, offset >= -(1 << shift), offset >> shift <= 64 else { return false }
    let step = offset >> shift
    return (max(0, step - 1)...min(63, step + 1)).contains { steps >> UInt64($0) & 1 == 1 }
  }

  /// Whether so many things came in a few bursts with long silences between.
  func isBursty(_ count: UInt64) -> Bool {
    let busy = UInt64(steps.nonzeroBitCount)
    return shift > Self.shortest && busy <= Self.burstSteps && count >= 4 &* busy
  }

  private static let burstSteps: UInt64 = 6

  /// Each two steps as one.
  private static func folded(_ steps: UInt64) -> UInt64 {
    (0..<32).reduce(0) { $0 | (steps >> UInt64(2 * $1) & 3 == 0 ? 0 : 1 << UInt64($1)) }
  }
}
