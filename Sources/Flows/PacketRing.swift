import Packets
import Terms

/// Decoded packets between the stages of `FlowEngine`: long enough for the memory to answer a
/// prefetch.
struct PacketRing: ~Copyable {
  /// Packets between decoding and the prefetch of the flow, and between decoding and the update.
  /// Measured: shorter waits for memory, longer spills the first-level cache.
  static let lookDistance: UInt64 = 20
  static let updateDistance: UInt64 = 44
  static let capacity = 64
  /// Payload bytes kept of a packet in memory that stays in the cache: an Ethernet frame and a half.
  static let payloadLimit = 2048
  /// Distance of two payloads: not a power of two, so that they do not share cache sets.
  private static let payloadStride = payloadLimit + 64
  /// Most payloads are short; theirs stay in the first-level cache.
  private static let shortPayloadLimit = 128
  /// Longer payloads (offloaded segments, reassembled datagrams) have room of their own, which is
  /// touched only by them.
  private static let longPayloadLimit = 1 << 16

  struct Slot: BitwiseCopyable {
    var packet: Packet
    var hash: UInt64
    /// Probable place of the flow, or -1.
    var candidate: Int32
    var remark: Remark
    /// Bytes of TCP or UDP payload kept beside the slot.
    var payloadCount: UInt16
    /// What the headers say of the checksum.
    var checksum = ChecksumPart()
  }

  /// What was learned of a packet while its bytes were at hand.
  enum Remark: UInt8 {
    case none
    /// A fragment that gave its datagram away as forged.
    case overlap
    /// An ICMP error about a flow whose key stands in `quoted`.
    case unreachable
    /// A message about routers or neighbours that stands in `notices`.
    case notice
    /// The same, in a packet that another engine counts.
    case elsewhere
  }

  let slots: UnsafeMutablePointer<Slot>
  /// Beside the ring, since few packets need it.
  let quoted: UnsafeMutablePointer<FlowKey>
  let notices: UnsafeMutablePointer<NeighbourNotice>
  /// Where the payload of each packet stands: in one of the rooms below, or where its frame stays.
  private let payloadStarts: UnsafeMutablePointer<UnsafePointer<UInt8>>
  private let payloads: UnsafeMutablePointer<UInt8>
  private let shortPayloads: UnsafeMutablePointer<UInt8>
  private let longPayloads: UnsafeMutablePointer<UInt8>
  /// Headers kept for an inspector, and where they stand.
  let headerBytes: UnsafeMutablePointer<UInt8>
  let headerStarts: UnsafeMutablePointer<UnsafePointer<UInt8>>
  let headerCounts: UnsafeMutablePointer<UInt8>

  init() {
    let empty = Packet()
    slots = .allocate(capacity: Self.capacity)
    slots.initialize(
      repeating: Slot(packet: empty, hash: 0, candidate: -1, remark: .none, payloadCount: 0),
      count: Self.capacity)
    quoted = .allocate(capacity: Self.capacity)
    quoted.initialize(repeating: FlowKey(empty), count: Self.capacity)
    notices = .allocate(capacity: Self.capacity)
    notices.initialize(repeating: NeighbourNotice(), count: Self.capacity)
    payloads = LazyPages.allocate(UInt8.self, count: Self.capacity * Self.payloadStride)
    shortPayloads = LazyPages.allocate(UInt8.self, count: Self.capacity * Self.shortPayloadLimit)
    longPayloads = LazyPages.allocate(
      UInt8.self, count: Self.capacity * Self.longPayloadLimit, isHuge: false)
    headerBytes = LazyPages.allocate(UInt8.self, count: Self.capacity * Self.headerLimit)
    headerCounts = LazyPages.allocate(UInt8.self, count: Self.capacity)
    payloadStarts = .allocate(capacity: Self.capacity)
    payloadStarts.initialize(repeating: UnsafePointer(payloads), count: Self.capacity)
    headerStarts = .allocate(capacity: Self.capacity)
    headerStarts.initialize(repeating: UnsafePointer(headerBytes), count: Self.capacity)
  }

  deinit {
    slots.deallocate()
    quoted.deallocate()
    notices.deallocate()
    payloadStarts.deallocate()
    headerStarts.deallocate()
    LazyPages.free(payloads, count: Self.capacity * Self.payloadStride)
    LazyPages.free(shortPayloads, count: Self.capacity * Self.shortPayloadLimit)
    LazyPages.free(longPayloads, count: Self.capacity * Self.longPayloadLimit)
    LazyPages.free(headerBytes, count: Self.capacity * Self.headerLimit)
    LazyPages.free(headerCounts, count: Self.capacity)
  }

  /// Keeps the payload of a TCP or UDP packet.
  ///
  /// - Parameters:
  ///   - bytes: what the packet was decoded from.
  ///   - lasts: they stay where they are until the packet is updated; else the payload is copied.
  @inline(__always) func keepPayload(
    _ position: Int, of bytes: UnsafeRawBufferPointer, lasts: Bool
  ) {
    let transport = slots[position].packet.transport
    guard transport == .tcp || transport == .udp, slots[position].packet.hasTransport else {
      return
    }
    keepAnyPayload(position, of: bytes, lasts: lasts)
  }

  @inline(__always) func keepAnyPayload(
    _ position: Int, of bytes: UnsafeRawBufferPointer, lasts: Bool
  ) {
    let slot = slots + position
    let count = Int(slot.pointee.packet.payloadLength)
    let start = Int(slot.pointee.packet.payloadOffset)
    guard count > 0, start &+ count <= bytes.count, let base = bytes.baseAddress else { return }
    slot.pointee.payloadCount = UInt16(truncatingIfNeeded: count)
    if lasts {
      payloadStarts[position] = (base + start).assumingMemoryBound(to: UInt8.self)
      return
    }
    let room = room(position, count)
    UnsafeMutableRawPointer(room).copyMemory(from: base + start, byteCount: count)
    payloadStarts[position] = UnsafePointer(room)
  }

  /// The payload kept of the packet at `position`; none for other packets.
  @inline(__always) func payload(_ position: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: payloadStarts[position], count: Int(slots[position].payloadCount))
  }

  @inline(__always) private func room(_ position: Int, _ count: Int) -> UnsafeMutablePointer<UInt8>
  {
    if count <= Self.shortPayloadLimit { return shortPayloads + position &* Self.shortPayloadLimit }
    return count <= Self.payloadLimit
      ? payloads + position &* Self.payloadStride
      : longPayloads + position &* Self.longPayloadLimit
  }

  @inline(__always) static func position(_ number: UInt64) -> Int {
    Int(truncatingIfNeeded: number) & (capacity - 1)
  }
}

extension UnsafeMutablePointer<PacketRing.Slot> {
  /// Forgets what was learned of the packet before.
  @inline(__always) func clear() {
    pointee.remark = .none
    pointee.payloadCount = 0
    pointee.checksum = ChecksumPart()
  }

  /// The packet in place: who gets it by pointer copies nothing. It is the slot's first field.
  @inline(__always) var packet: UnsafePointer<Packet> {
    UnsafeRawPointer(self).assumingMemoryBound(to: Packet.self)
  }
}
