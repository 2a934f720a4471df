import Packets
import Terms

/// The section of a pcapng capture that is being read (draft-ietf-opsawg-pcapng).
struct BlockFormat {
  /// The type of a section header block: the same in both byte orders.
  static let sectionHeader: UInt32 = 0x0a0d_0d0a
  static let byteOrderMagic: UInt32 = 0x1a2b_3c4d

  enum BlockType {
    static let interfaceDescription: UInt32 = 1
    static let obsoletePacket: UInt32 = 2
    static let simplePacket: UInt32 = 3
    static let enhancedPacket: UInt32 = 6
  }

  struct Interface {
    let linkType: LinkType
    let clock: InterfaceClock
    /// Bytes kept of each packet; 0 for all. Bounds the simple packets, which do not tell.
    let snapLength: UInt32
  }

  var isSwapped = false
  var interfaces: [Interface] = []
  /// The newest time seen: simple packets have none of their own.
  var newestTime = CaptureTime(nanoseconds: 0)

  func word(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UInt16 {
    let raw = bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self)
    return isSwapped ? raw.byteSwapped : raw
  }

  func long(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UInt32 {
    let raw = bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)
    return isSwapped ? raw.byteSwapped : raw
  }
}

extension CaptureFile {
  /// Delivers packets block by block; returns as soon as a next one would have to be waited for.
  mutating func readBlocks(
    atMost limit: Int, delivered: inout Int, _ body: (Frame) -> Void
  ) throws(CaptureFault.Reason) {
    while delivered < limit {
      if window.unread.count < 12 {
        if delivered > 0 { return }
        guard try window.require(12) else {
          let have = window.unread.count
          guard have > 0 else { return }
          throw .truncated(have: have, need: 12)
        }
      }
      let type = blocks.long(window.unread, 0)
      if type == BlockFormat.sectionHeader {
        if delivered > 0 { return }
        try readSectionHeader()
        continue
      }
      let length = blocks.long(window.unread, 4)
      guard length >= 12, length % 4 == 0 else { throw .blockLength(claimed: length) }
      // More bytes would take the place of the frames that are lent.
      if delivered > 0, window.unread.count < Int(length) { return }
      switch type {
      case BlockFormat.BlockType.interfaceDescription:
        try readInterface(try wholeBlock(length, least: 20))
      case BlockFormat.BlockType.enhancedPacket, BlockFormat.BlockType.simplePacket,
        BlockFormat.BlockType.obsoletePacket:
        let least: UInt32 = type == BlockFormat.BlockType.simplePacket ? 16 : 32
        body(try frame(type: type, try wholeBlock(length, least: least)))
        delivered += 1
      default:
        try skipBlock(length)
        continue
      }
      window.advance(Int(length))
    }
  }

  /// The block at the window's start, once all of it is there and both its lengths agree.
  private mutating func wholeBlock(
    _ length: UInt32, least: UInt32
  ) throws(CaptureFault.Reason) -> UnsafeRawBufferPointer {
    guard length >= least, Int(length) <= CaptureWindow.capacity else {
      throw .blockLength(claimed: length)
    }
    guard try window.require(Int(length)) else {
      throw .truncated(have: window.unread.count, need: Int(length))
    }
    let block = UnsafeRawBufferPointer(rebasing: window.unread[..<Int(length)])
    let tail = blocks.long(block, Int(length) - 4)
    guard tail == length else { throw .blockLengths(head: length, tail: tail) }
    return block
  }

  private mutating func skipBlock(_ length: UInt32) throws(CaptureFault.Reason) {
    let body = Int(length) - 4
    let skipped = try window.skip(body)
    guard skipped == body, try window.require(4) else {
      throw .truncated(have: skipped, need: Int(length))
    }
    let tail = blocks.long(window.unread, 0)
    guard tail == length else { throw .blockLengths(head: length, tail: tail) }
    window.advance(4)
  }

  /// A section header gives the byte order and forgets the interfaces before it.
  private mutating func readSectionHeader() throws(CaptureFault.Reason) {
    let magic = window.unread.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
    guard magic == BlockFormat.byteOrderMagic || magic.byteSwapped == BlockFormat.byteOrderMagic
    else { throw .byteOrder(magic) }
    blocks.isSwapped = magic != BlockFormat.byteOrderMagic
    let length = blocks.long(window.unread, 4)
    guard length % 4 == 0 else { throw .blockLength(claimed: length) }
    let block = try wholeBlock(length, least: 28)
    let (major, minor) = (blocks.word(block, 12), blocks.word(block, 14))
    guard major == 1 else { throw .version(major: major, minor: minor) }
    blocks.interfaces.removeAll(keepingCapacity: true)
    window.advance(Int(length))
  }

  private mutating func readInterface(
    _ block: UnsafeRawBufferPointer
  ) throws(CaptureFault.Reason) {
    guard blocks.interfaces.count < CaptureFile.interfaceLimit else { throw .tooManyInterfaces }
    blocks.interfaces.append(
      BlockFormat.Interface(
        linkType: LinkType(number: UInt32(blocks.word(block, 8))),
        clock: InterfaceClock(options: block, of: blocks),
        snapLength: blocks.long(block, 12)))
  }

  /// The frame of a packet block; `block` holds at least the fixed part of its type.
  private mutating func frame(
    type: UInt32, _ block: UnsafeRawBufferPointer
  ) throws(CaptureFault.Reason) -> Frame {
    if type == BlockFormat.BlockType.simplePacket { return try simpleFrame(block) }
    let number =
      type == BlockFormat.BlockType.enhancedPacket
      ? blocks.long(block, 8) : UInt32(blocks.word(block, 8))
    guard Int(number) < blocks.interfaces.count else { throw .unknownInterface(number) }
    let interface = blocks.interfaces[Int(number)]
    let ticks = UInt64(blocks.long(block, 12)) << 32 | UInt64(blocks.long(block, 16))
    let captured = blocks.long(block, 20)
    let time = interface.clock.time(ticks)
    blocks.newestTime = max(blocks.newestTime, time)
    return Frame(
      time: time, bytes: try packetBytes(block, at: 28, captured),
      wireLength: max(blocks.long(block, 24), captured), linkType: interface.linkType)
  }

  private func simpleFrame(
    _ block: UnsafeRawBufferPointer
  ) throws(CaptureFault.Reason) -> Frame {
    guard let interface = blocks.interfaces.first else { throw .unknownInterface(0) }
    let wire = blocks.long(block, 8)
    let captured = interface.snapLength == 0 ? wire : min(wire, interface.snapLength)
    return Frame(
      time: blocks.newestTime, bytes: try packetBytes(block, at: 12, captured), wireLength: wire,
      linkType: interface.linkType)
  }

  private func packetBytes(
    _ block: UnsafeRawBufferPointer, at start: Int, _ captured: UInt32
  ) throws(CaptureFault.Reason) -> UnsafeRawBufferPointer {
    guard captured <= CaptureFile.recordLimit else { throw .recordTooLong(claimed: captured) }
    let held = block.count - 4 - start
    guard captured <= held else { throw .packetLength(claimed: captured, held: held) }
    return UnsafeRawBufferPointer(rebasing: block[start..<start + Int(captured)])
  }
}
