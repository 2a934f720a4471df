import Packets
import Terms

/// The file header of a classic pcap capture, as far as it matters to its records.
struct ClassicFormat {
  static let headerLength = 24

  let isSwapped: Bool
  /// Nanoseconds in one unit of a record's fraction.
  let fractionScale: Int64
  /// 16 bytes; 24 in the variant of Kuznetzov's patched libpcap.
  let recordHeaderLength: Int
  let linkType: LinkType

  /// nil when the magic number, read in the host's order, is none of pcap's; `header` holds 24
  /// bytes.
  init?(_ header: UnsafeRawBufferPointer) {
    let magic = header.loadUnaligned(as: UInt32.self)
    switch magic {
    case 0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34: isSwapped = false
    case 0xd4c3_b2a1, 0x4d3c_b2a1, 0x34cd_b2a1: isSwapped = true
    default: return nil
    }
    let native = isSwapped ? magic.byteSwapped : magic
    fractionScale = native == 0xa1b2_3c4d ? 1 : 1000
    recordHeaderLength = native == 0xa1b2_cd34 ? 24 : 16
    let network = header.loadUnaligned(fromByteOffset: 20, as: UInt32.self)
    // The upper half tells of frame check sequences.
    linkType = LinkType(number: (isSwapped ? network.byteSwapped : network) & 0xffff)
  }

  /// Whether `magic`, in the host's order, begins a classic capture.
  static func isMagic(_ magic: UInt32) -> Bool {
    switch magic {
    case 0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34, 0xd4c3_b2a1, 0x4d3c_b2a1, 0x34cd_b2a1: true
    default: false
    }
  }
}

extension CaptureFile {
  /// Delivers the whole records in the window; fills it when there is none.
  mutating func readRecords(
    _ format: ClassicFormat, atMost limit: Int, delivered: inout Int, _ body: (Frame) -> Void
  ) throws(CaptureFault.Reason) {
    while true {
      try readWindow(format, atMost: limit, delivered: &delivered, body)
      if delivered > 0 { return }
      guard try window.fill() else {
        let have = window.unread.count
        guard have > 0 else { return }
        throw .truncated(have: have, need: needed(format))
      }
    }
  }

  /// The length of the record at the window's start, as far as its header is there.
  private func needed(_ format: ClassicFormat) -> Int {
    let unread = window.unread
    guard unread.count >= format.recordHeaderLength else { return format.recordHeaderLength }
    let captured = unread.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
    return format.recordHeaderLength
      + Int(format.isSwapped ? captured.byteSwapped : captured)
  }

  private mutating func readWindow(
    _ format: ClassicFormat, atMost limit: Int, delivered: inout Int, _ body: (Frame) -> Void
  ) throws(CaptureFault.Reason) {
    let unread = window.unread
    guard let base = unread.baseAddress else { return }
    let header = format.recordHeaderLength
    var at = 0
    defer { window.advance(at) }
    while delivered < limit, unread.count &- at >= header {
      let record = base + at
      var seconds = record.loadUnaligned(as: UInt32.self)
      var fraction = record.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
      var captured = record.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
      var wire = record.loadUnaligned(fromByteOffset: 12, as: UInt32.self)
      if format.isSwapped {
        seconds = seconds.byteSwapped
        fraction = fraction.byteSwapped
        captured = captured.byteSwapped
        wire = wire.byteSwapped
      }
      guard captured <= CaptureFile.recordLimit else { throw .recordTooLong(claimed: captured) }
      let length = Int(captured)
      guard unread.count &- at &- header >= length else { return }
      // 2³² seconds in nanoseconds and 2³² microseconds fit into 63 bits together.
      let time = Int64(seconds) &* 1_000_000_000 &+ Int64(fraction) &* format.fractionScale
      body(
        Frame(
          time: CaptureTime(nanoseconds: time),
          bytes: UnsafeRawBufferPointer(start: record + header, count: length),
          wireLength: max(wire, captured), linkType: format.linkType))
      delivered &+= 1
      at &+= header &+ length
    }
  }
}
