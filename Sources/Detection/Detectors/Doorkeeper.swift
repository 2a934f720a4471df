import Analysis
import CPrefetch
import Terms

/// Remembers the last lone failure of each source it has room for, so that a source enters the big
/// table only with its second distinct failure: spoofed floods, whose sources fail once, stay
/// outside.
struct Doorkeeper: Sendable {
  struct Visit: Sendable {
    var source = IPAddress.unspecified
    var target = IPAddress.unspecified
    var time = CaptureTime.distantPast
    var packet: UInt64 = 0
    var contact: UInt64 = 0
    var port: UInt16 = 0
    var technique = ScanTechnique.other

    var key: TableKey { TableKey(source, detail: UInt64(technique.rawValue)) }
  }

  private var visits: [Visit]
  private let mask: Int

  init(capacity: Int) {
    var size = 64
    while size < capacity, size < 1 << 20 { size *= 2 }
    visits = Array(repeating: Visit(), count: size)
    mask = size - 1
  }

  private func place(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 20) & mask }

  /// Asks for the memory of a visit with this hash of its key.
  @inline(__always) func foresee(hash: UInt64) {
    visits.withUnsafeBufferPointer { visits in
      guard let visit = visits.baseAddress.map({ $0 + place(hash) }) else { return }
      beryl_prefetch(visit)
    }
  }

  /// Notes a visit; the source's earlier visit, if that was another contact within `span`.
  mutating func earlier(than visit: Visit, within span: TimeSpan) -> Visit? {
    let index = place(visit.key.hash)
    let known = visits[index]
    if known.source == visit.source, known.technique == visit.technique,
      visit.time - known.time <= span
    {
      return known.contact == visit.contact ? nil : known
    }
    visits[index] = visit
    return nil
  }
}
