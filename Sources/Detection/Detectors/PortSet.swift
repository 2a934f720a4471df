import Reports

/// Distinct ports, counted exactly: a sorted list of the smallest, and a bitmap once there are
/// many.
struct PortSet: Sendable {
  /// The smallest ports, sorted; at most `Report.Limit.ports`.
  private(set) var smallest: [UInt16] = []
  private(set) var count = 0
  /// One bit per port (8 KiB), from the port on that the list has no room for.
  private var bitmap: [UInt64] = []

  /// Whether the port is new.
  mutating func insert(_ port: UInt16) {
    if !bitmap.isEmpty {
      guard mark(port) else { return }
    } else if smallest.contains(port) {
      return
    } else if smallest.count == Report.Limit.ports {
      bitmap = [UInt64](repeating: 0, count: 1024)
      for known in smallest { _ = mark(known) }
      _ = mark(port)
    }
    count += 1
    let place = smallest.firstIndex { $0 > port } ?? smallest.count
    guard place < Report.Limit.ports else { return }
    smallest.insert(port, at: place)
    if smallest.count > Report.Limit.ports { smallest.removeLast() }
  }

  /// How many ports are in either set.
  func unionCount(_ other: PortSet) -> Int {
    if bitmap.isEmpty { return other.count + smallest.count { !other.contains($0) } }
    if other.bitmap.isEmpty { return count + other.smallest.count { !contains($0) } }
    return zip(bitmap, other.bitmap).reduce(0) { $0 + ($1.0 | $1.1).nonzeroBitCount }
  }

  func contains(_ port: UInt16) -> Bool {
    guard !bitmap.isEmpty else { return smallest.contains(port) }
    return bitmap[Int(port >> 6)] >> UInt64(port & 63) & 1 == 1
  }

  private mutating func mark(_ port: UInt16) -> Bool {
    let bit = UInt64(1) << UInt64(port & 63)
    guard bitmap[Int(port >> 6)] & bit == 0 else { return false }
    bitmap[Int(port >> 6)] |= bit
    return true
  }
}
