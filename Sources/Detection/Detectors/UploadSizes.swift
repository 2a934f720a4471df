/// How large a segment's uploads are: a histogram over powers of two that forgets slowly.
struct UploadSizes: Sendable {
  /// Uploads before anything is said, and the part of them that is ordinary.
  static let least = 40.0
  static let ordinary = 0.9
  /// What is left of old counts when so many have come.
  static let depth = 2000.0

  private var counts = [Double](repeating: 0, count: 64)
  private var sum = 0.0

  mutating func add(_ bytes: Double) {
    let place = max(1, bytes).exponent
    counts[min(Int(place), 63)] += 1
    sum += 1
    guard sum > Self.depth else { return }
    for place in counts.indices { counts[place] /= 2 }
    sum /= 2
  }

  /// Twice the size that all but one in ten uploads stay below, in bytes; 0 while too few came.
  var large: Double {
    guard sum >= Self.least else { return 0 }
    var passed = 0.0
    for (place, count) in counts.enumerated() {
      passed += count
      if passed >= Self.ordinary * sum { return Double(UInt64(1) << UInt64(min(place + 2, 62))) }
    }
    return 0
  }
}
