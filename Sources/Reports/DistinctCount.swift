import Glibc
import Terms

/// How many different things were seen: exact while few, a mergeable HyperLogLog sketch when many.
///
/// Merging is commutative, associative and idempotent, so two monitors that see the same packets do
/// not count a source twice. Past `exactLimit` the estimate follows Flajolet et al., "HyperLogLog"
/// (2007), with 256 registers: standard error 1.04/√256 = 6.5 %.
public struct DistinctCount: Hashable, Sendable {
  /// Values kept exactly before the sketch takes over.
  public static let exactLimit = 64
  /// HyperLogLog registers (2^8), one byte each.
  public static let registerCount = 256

  /// Sorted hashes of the values seen; empty once `registers` is in use.
  public private(set) var hashes: [UInt64] = []
  /// `registerCount` registers, or none while the count is exact.
  public private(set) var registers: [UInt8] = []

  public init() {}

  /// Rebuilds a count from its wire form; nil when the parts contradict each other.
  public init?(hashes: [UInt64], registers: [UInt8]) {
    guard registers.isEmpty || (registers.count == Self.registerCount && hashes.isEmpty),
      hashes.count <= Self.exactLimit, zip(hashes, hashes.dropFirst()).allSatisfy({ $0 < $1 }),
      registers.allSatisfy({ $0 <= 57 })
    else { return nil }
    self.hashes = hashes
    self.registers = registers
  }

  /// The count of at most `exactLimit` values, given by their hashes, in whatever order.
  init(different hashes: [UInt64]) {
    var sorted = hashes
    if sorted.count > 1 { sorted.sort() }
    for hash in sorted where self.hashes.last != hash { self.hashes.append(hash) }
  }

  public var isExact: Bool { registers.isEmpty }

  /// The exact count, or the sketch's estimate.
  public var value: Int {
    guard !isExact else { return hashes.count }
    let count = Double(Self.registerCount)
    let sum = registers.reduce(0.0) { $0 + 1 / Double(UInt64(1) << UInt64($1)) }
    let raw = 0.7182725932495458 * count * count / sum
    let zeros = registers.count { $0 == 0 }
    if raw <= 2.5 * count, zeros > 0 { return Int((count * log(count / Double(zeros))).rounded()) }
    // A hostile child may claim any registers.
    return Int(min(raw, 1e15).rounded())
  }

  /// Counts a value by its well-mixed 64-bit hash.
  public mutating func insert(hash: UInt64) {
    guard isExact else {
      insertIntoSketch(hash)
      return
    }
    var low = 0
    var high = hashes.count
    while low < high {
      let middle = (low + high) / 2
      if hashes[middle] < hash { low = middle + 1 } else { high = middle }
    }
    if low < hashes.count, hashes[low] == hash { return }
    if hashes.count < Self.exactLimit {
      hashes.insert(hash, at: low)
    } else {
      becomeSketch()
      insertIntoSketch(hash)
    }
  }

  public mutating func insert(_ address: IPAddress) {
    insert(hash: Self.hash(address.high, address.low))
  }

  public mutating func formUnion(_ other: DistinctCount) {
    if other.isExact {
      for hash in other.hashes { insert(hash: hash) }
      return
    }
    if isExact { becomeSketch() }
    for index in registers.indices {
      registers[index] = max(registers[index], other.registers[index])
    }
  }

  /// The fixed hash that all monitors share; merging needs the same one everywhere.
  public static func hash(_ high: UInt64, _ low: UInt64) -> UInt64 {
    let first = (low ^ 0x9e37_79b9_7f4a_7c15).multipliedFullWidth(by: high ^ 0xa076_1d64_78bd_642f)
    let mixed = first.high ^ first.low ^ low
    let second = (mixed ^ 0xe703_7ed1_a0b4_28db).multipliedFullWidth(by: 0x8ebc_6af0_9c88_c6e3)
    return second.high ^ second.low
  }

  private mutating func becomeSketch() {
    registers = [UInt8](repeating: 0, count: Self.registerCount)
    let seen = hashes
    hashes = []
    for hash in seen { insertIntoSketch(hash) }
  }

  private mutating func insertIntoSketch(_ hash: UInt64) {
    let rank = UInt8((hash << 8 | 0x80).leadingZeroBitCount + 1)
    let index = Int(hash >> 56)
    if registers[index] < rank { registers[index] = rank }
  }
}
