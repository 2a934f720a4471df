/// A bounded sample of packet indices: the first few and the newest few, so that evidence shows how
/// it began and how it stands.
public struct PacketSample: Sendable {
  /// Indices kept from the beginning, and from the end.
  public static let firstLimit = 16
  public static let lastLimit = 8

  private var first: [UInt64] = []
  private var last: [UInt64] = []
  private var cursor = 0

  public init() {}

  public mutating func add(_ index: UInt64) {
    if first.count < Self.firstLimit {
      first.append(index)
    } else if last.count < Self.lastLimit {
      last.append(index)
    } else {
      last[cursor] = index
      cursor = (cursor + 1) % Self.lastLimit
    }
  }

  /// Ascending, without repeats.
  public var indices: [UInt64] { Array(Set(first + last)).sorted() }
}
