import Packets

/// The frames of one round for one of several engines: decoded, with their bytes, in memory of its
/// own.
public struct FrameRound: ~Copyable {
  /// Frames and bytes that one round holds at most; a longer frame makes room for itself.
  static let frameLimit = 1024
  static let byteLimit = 1 << 18

  private struct Entry {
    var packet: Packet
    var offset: Int
    var share: PacketShare
  }

  private let entries: UnsafeMutablePointer<Entry>
  private var bytes: UnsafeMutableRawPointer
  private var room = FrameRound.byteLimit
  private var used = 0
  public private(set) var count = 0
  /// Fragments lost by the time of an entry, in the order of the entries.
  private var losses: [(entry: Int, loss: Defragmenter.Loss)] = []
  /// See `FlowEngine.mergedSince`.
  var mergedSince = UInt64.max

  public init() {
    entries = .allocate(capacity: Self.frameLimit)
    bytes = .allocate(byteCount: room, alignment: 16)
  }

  deinit {
    entries.deallocate()
    bytes.deallocate()
  }

  /// Whether another frame may be the last that finds room.
  var isFull: Bool { count == Self.frameLimit || used >= Self.byteLimit }

  /// Adds a frame's packet and a copy of its bytes; not when the round is full.
  mutating func add(
    _ packet: UnsafePointer<Packet>, _ frame: UnsafeRawBufferPointer, _ share: PacketShare
  ) {
    if used + frame.count > room { grow(to: used + frame.count) }
    if let base = frame.baseAddress {
      (bytes + used).copyMemory(from: base, byteCount: frame.count)
    }
    (entries + count).initialize(
      to: Entry(packet: packet.pointee, offset: used, share: share))
    used += frame.count
    count += 1
  }

  /// What was lost by the time of the frame that is added next.
  mutating func add(_ loss: Defragmenter.Loss) { losses.append((count, loss)) }

  /// Gives all frames to an engine and forgets them.
  public mutating func drain(into engine: inout FlowEngine) {
    engine.mergedSince = min(engine.mergedSince, mergedSince)
    var told = 0
    for index in 0..<count {
      while told < losses.count, losses[told].entry == index {
        engine.defragmenter.adopt(losses[told].loss)
        told += 1
      }
      let entry = entries + index
      let end = index + 1 < count ? entries[index + 1].offset : used
      let frame = UnsafeRawBufferPointer(
        start: bytes + entry.pointee.offset, count: end - entry.pointee.offset)
      // The packet is the entry's first field.
      let packet = UnsafeRawPointer(entry).assumingMemoryBound(to: Packet.self)
      engine.take(packet, frame, entry.pointee.share)
    }
    losses.removeAll(keepingCapacity: true)
    count = 0
    used = 0
  }

  private mutating func grow(to size: Int) {
    let larger = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    larger.copyMemory(from: bytes, byteCount: used)
    bytes.deallocate()
    bytes = larger
    room = size
  }
}
