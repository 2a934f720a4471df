import Analysis
import Reports
import Terms

/// Services that were seen to answer: a failed contact to one is an outage, not a probe.
struct KnownServices: Sendable, Codable {
  private struct Key: Hashable, Comparable, Codable {
    var target: IPAddress
    var port: PortKey

    func _rawHashValue(seed: Int) -> Int { target._rawHashValue(seed: seed ^ port.bits) }

    static func < (left: Key, right: Key) -> Bool {
      (left.target, left.port) < (right.target, right.port)
    }
  }

  private struct Age: Comparable {
    var time: CaptureTime
    var key: Key

    static func < (left: Age, right: Age) -> Bool {
      (left.time, left.key) < (right.time, right.key)
    }
  }

  let capacity: Int
  private var lastAnswer: [Key: CaptureTime] = [:]

  init(capacity: Int) { self.capacity = max(1, capacity) }

  /// Learns from a rate row with completed contacts.
  mutating func learn(_ row: RateRow) {
    guard row.contacts > row.unfinished else { return }
    let key = Key(
      target: row.target, port: PortKey(transport: row.transport, port: row.port))
    if lastAnswer[key] == nil, lastAnswer.count >= capacity { forgetOldestHalf() }
    lastAnswer[key] = max(lastAnswer[key] ?? row.last, row.last)
  }

  func offers(_ target: IPPrefix, _ port: PortKey) -> Bool {
    target.isHost && lastAnswer[Key(target: target.base, port: port)] != nil
  }

  private mutating func forgetOldestHalf() {
    let order = lastAnswer.map { Age(time: $0.value, key: $0.key) }
    for entry in order.least(capacity / 2 + 1) { lastAnswer[entry.key] = nil }
  }
}
