import Analysis
import Terms

/// What matches leave behind beyond one flow: bits of hosts, and how often rules matched whom. All
/// in event time, all bounded.
struct MatchMemory {
  private struct Rate {
    var begun = CaptureTime.distantPast
    var count: UInt32 = 0
  }

  private static let hostCapacity = 65_536
  private static let rateCapacity = 65_536

  private var hosts = BoundedTable<CaptureTime>(capacity: hostCapacity, empty: .distantPast)
  private var rates = BoundedTable<Rate>(capacity: rateCapacity, empty: Rate())

  init() {}

  var losses: UInt64 { hosts.refusedCount &+ rates.refusedCount }

  // MARK: Bits

  private static func key(
    _ subject: StateRecord.Subject, _ name: Int32, _ scene: Scene
  ) -> TableKey {
    let detail = UInt64(UInt32(bitPattern: name)) << 8
    switch subject {
    case .sourceBit: return TableKey(scene.source, detail: detail | 1)
    case .destinationBit: return TableKey(scene.destination, detail: detail | 1)
    default:
      // Either way round.
      let isOrdered = scene.source < scene.destination
      let first = isOrdered ? scene.source : scene.destination
      let second = isOrdered ? scene.destination : scene.source
      return TableKey(first, detail: TableKey(second, detail: detail | 2).hash)
    }
  }

  func isSet(
    _ subject: StateRecord.Subject, _ name: Int32, _ scene: Scene
  ) -> Bool {
    let slot = hosts.find(Self.key(subject, name, scene))
    return slot >= 0 && hosts[slot] > scene.time
  }

  mutating func change(
    _ subject: StateRecord.Subject, _ name: Int32, _ change: BitChange, seconds: UInt32,
    _ scene: Scene
  ) {
    let isSet = isSet(subject, name, scene)
    let key = Self.key(subject, name, scene)
    guard change == .set || change == .toggle && !isSet else {
      let slot = hosts.find(key)
      if slot >= 0 { hosts.remove(slot) }
      return
    }
    let expiry = scene.time + .seconds(Int(seconds))
    let slot = hosts.admit(key, asOf: scene.time, until: expiry)
    guard slot >= 0 else { return }
    hosts[slot] = expiry
    hosts.keep(slot, until: expiry)
  }

  // MARK: Rates

  private static func key(
    _ subject: UInt8, _ rule: Int32, isFilter: Bool, _ scene: Scene
  ) -> TableKey {
    let detail = UInt64(UInt32(bitPattern: rule)) << 8 | (isFilter ? 16 : 0) | UInt64(subject)
    switch RateSubject(rawValue: subject) {
    case .source: return TableKey(scene.source, detail: detail)
    case .destination: return TableKey(scene.destination, detail: detail)
    case .both:
      return TableKey(scene.source, detail: TableKey(scene.destination, detail: detail).hash)
    case .flow:
      let isOrdered =
        (scene.source, scene.sourcePort) < (scene.destination, scene.destinationPort)
      let ends = [(scene.source, scene.sourcePort), (scene.destination, scene.destinationPort)]
      let (first, second) = isOrdered ? (ends[0], ends[1]) : (ends[1], ends[0])
      let ports = UInt64(first.1) << 16 | UInt64(second.1)
      let far = TableKey(second.0, detail: ports << 8 | UInt64(scene.transport)).hash
      return TableKey(first.0, detail: far ^ detail)
    case .rule, nil: return TableKey(.unspecified, detail: detail)
    }
  }

  /// Counts a match of a period; the count with it, or nil where there is no room to count.
  private mutating func count(_ rate: RateRecord, _ key: TableKey, at now: CaptureTime) -> UInt32? {
    let span = TimeSpan.seconds(Int(rate.seconds))
    let slot = rates.admit(key, asOf: now, until: now + span)
    guard slot >= 0 else { return nil }
    if rates[slot].count == 0 || now - rates[slot].begun >= span {
      rates[slot] = Rate(begun: now, count: 0)
      rates.keep(slot, until: now + span)
    }
    rates[slot].count &+= 1
    return rates[slot].count
  }

  private mutating func restart(_ key: TableKey) {
    let slot = rates.find(key)
    if slot >= 0 { rates[slot].count = 0 }
  }

  /// Whether a match is told under its rule's threshold.
  mutating func passes(_ rate: RateRecord, rule: Int32, _ scene: Scene) -> Bool {
    let key = Self.key(rate.subject, rule, isFilter: false, scene)
    guard let count = count(rate, key, at: scene.time) else { return true }
    switch Threshold.Kind(rawValue: rate.kind) {
    case .limit: return count <= rate.count
    case .threshold:
      guard count >= rate.count else { return false }
      restart(key)
      return true
    case .both, nil: return count == rate.count
    }
  }

  /// Whether a match is one behind the first `count` of its period.
  mutating func passesFilter(_ rate: RateRecord, rule: Int32, _ scene: Scene) -> Bool {
    let key = Self.key(rate.subject, rule, isFilter: true, scene)
    guard let count = count(rate, key, at: scene.time) else { return false }
    return count > rate.count
  }
}
