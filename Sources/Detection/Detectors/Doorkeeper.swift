import Analysis
import CPrefetch
import Terms

/// Remembers the last lone failure of each source it has room for, so that a source enters the big
/// table only with its second distinct failure: spoofed floods, whose sources fail once, stay
/// outside.
struct Doorkeeper: Sendable {
  /// All zero is none.
  struct Visit: BitwiseCopyable, Sendable {
    var source: IPAddress
    var target: IPAddress
    var time: CaptureTime
    var packet: UInt64
    /// See `ContactMemory.hash`; never zero.
    var contact: UInt64
    var port: UInt16
    var technique: ScanTechnique

    var key: TableKey { TableKey(source, detail: UInt64(technique.rawValue)) }
  }

  private var visits: ZeroedArray<Visit>
  private let mask: Int

  init(capacity: Int) {
    var size = 64
    while size < capacity, size < 1 << 20 { size *= 2 }
    visits = ZeroedArray(count: size)
    mask = size - 1
  }

  private func place(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 20) & mask }

  /// Asks for the memory of a visit with this hash of its key.
  @inline(__always) func foresee(hash: UInt64) {
    beryl_prefetch(visits.elements + place(hash))
  }

  /// Notes a visit; the source's earlier visit, if that was another contact within `span`.
  mutating func earlier(than visit: Visit, within span: TimeSpan) -> Visit? {
    let index = place(visit.key.hash)
    let known = visits.elements[index]
    if known.contact != 0, known.source == visit.source, known.technique == visit.technique,
      visit.time - known.time <= span
    {
      return known.contact == visit.contact ? nil : known
    }
    visits.mutableElements()[index] = visit
    return nil
  }
}
