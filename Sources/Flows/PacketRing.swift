import Packets

/// Decoded packets between the stages of `FlowEngine`: long enough for the memory to answer a
/// prefetch.
struct PacketRing: ~Copyable {
  /// Packets between decoding and the prefetch of the flow, and between decoding and the update.
  /// Measured: shorter waits for memory, longer spills the first-level cache.
  static let lookDistance: UInt64 = 20
  static let updateDistance: UInt64 = 44
  static let capacity = 64

  struct Slot: BitwiseCopyable {
    var packet: Packet
    var hash: UInt64
    /// Probable place of the flow, or -1.
    var candidate: Int32
    var remark: Remark
  }

  /// What was learned of a packet while its bytes were at hand.
  enum Remark: UInt8 {
    case none
    /// A fragment that gave its datagram away as forged.
    case overlap
    /// An ICMP error about a flow whose key stands in `quoted`.
    case unreachable
  }

  let slots: UnsafeMutablePointer<Slot>
  /// Beside the ring, since few packets need it.
  let quoted: UnsafeMutablePointer<FlowKey>

  init() {
    let empty = Packet()
    slots = .allocate(capacity: Self.capacity)
    slots.initialize(
      repeating: Slot(packet: empty, hash: 0, candidate: -1, remark: .none), count: Self.capacity)
    quoted = .allocate(capacity: Self.capacity)
    quoted.initialize(repeating: FlowKey(empty), count: Self.capacity)
  }

  deinit {
    slots.deallocate()
    quoted.deallocate()
  }

  @inline(__always) static func position(_ number: UInt64) -> Int {
    Int(truncatingIfNeeded: number) & (capacity - 1)
  }
}
