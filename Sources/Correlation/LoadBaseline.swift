/// What an epoch normally brings: the mean of the quieter two thirds of the last epochs.
///
/// The busiest third is left out so that the first minutes of a slowly rising flood, learned before
/// anything is suspected, do not become the norm it is held against.
struct LoadBaseline: Sendable, Codable {
  /// Epochs remembered: 20 minutes of 10 s.
  static let capacity = 120

  private var values: [Float] = []
  private var next = 0
  private var epoch: Int64

  /// Starts to learn at the epoch; epochs of which nothing is told were quiet.
  init(from epoch: Int64) { self.epoch = epoch }

  /// Epochs learned from, at most `capacity`.
  var history: Int { values.count }

  /// Contacts per epoch; 0 before anything is learned. It is asked for far more often than something
  /// is learned.
  private(set) var mean = 0.0

  /// Most epochs are quiet: only the others are put in order.
  private mutating func reckon() {
    let kept = values.count - values.count / 3
    let quiet = values.count { $0 <= 0 }
    guard quiet < kept else {
      mean = 0
      return
    }
    let busy = values.filter { $0 > 0 }.sorted()
    mean = busy.prefix(kept - quiet).reduce(0.0) { $0 + Double($1) } / Double(kept)
  }

  /// Learns what an epoch brought; those in between were quiet.
  /// - Parameter most: how many times the mean of them is learned at most, where that is more than one
  ///   contact.
  mutating func learn(_ value: Double, at now: Int64, within most: Double) {
    if most.isFinite { advance(to: now) } else { pass(to: now) }
    append(most.isFinite ? Float(min(value, max(most * mean, 1))) : Float(value))
    epoch = max(epoch, now &+ 1)
    reckon()
  }

  /// Quiet epochs pass.
  mutating func advance(to now: Int64) {
    guard now > epoch else { return }
    pass(to: now)
    reckon()
  }

  private mutating func pass(to now: Int64) {
    guard now > epoch else { return }
    for _ in 0..<min(now &- epoch, Int64(Self.capacity)) { append(0) }
    epoch = now
  }

  private mutating func append(_ value: Float) {
    if values.count < Self.capacity {
      values.append(value)
    } else {
      values[next] = value
      next = (next + 1) % Self.capacity
    }
  }
}
