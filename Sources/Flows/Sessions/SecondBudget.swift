import Terms

/// So many a second of event time, and no more: what forged packets can ask for without end.
struct SecondBudget {
  let limit: Int
  private var second = Int64.min
  private var spent = 0

  init(limit: Int) { self.limit = limit }

  /// Whether there is one left at `time`.
  mutating func spend(at time: CaptureTime) -> Bool {
    let now = time.nanoseconds / 1_000_000_000
    if now != second {
      second = now
      spent = 0
    }
    spent += 1
    return spent <= limit
  }
}

/// A budget for each shard of host pairs: one pair cannot spend that of all others, and several
/// engines that share a capture spend no more and no less than one.
struct HostPairBudgets {
  private var shards: [SecondBudget]

  init(limit: Int) {
    shards = Array(repeating: SecondBudget(limit: limit), count: HostPair.shardCount)
  }

  mutating func spend(at time: CaptureTime, _ one: IPAddress, _ other: IPAddress) -> Bool {
    shards[HostPair.shard(one, other)].spend(at: time)
  }
}
