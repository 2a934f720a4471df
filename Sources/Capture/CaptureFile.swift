import Glibc
import Packets
import Terms

/// A capture file, read forward by blocks: classic pcap (both byte orders, micro- and nanoseconds)
/// and pcapng, plain or compressed with gzip or zstd, told apart by their first bytes; from files
/// and from pipes.
///
/// Frames before a fault are all delivered. After a fault every further read throws it again.
public struct CaptureFile: ~Copyable, @unchecked Sendable {
  /// The longest record, in bytes: libpcap's own greatest snap length.
  public static let recordLimit = 262_144
  /// Interfaces in one pcapng section; each takes about 40 bytes.
  public static let interfaceLimit = 65_536

  /// As in faults: the path, or what the caller calls the descriptor.
  public let name: String
  var window: CaptureWindow
  var blocks = BlockFormat()
  private var classic: ClassicFormat?
  private var fault: CaptureFault?
  /// Packets delivered so far.
  public private(set) var packetCount: UInt64 = 0

  /// Opens a file; `-` is standard input. Waits for the first bytes of a pipe.
  public init(path: String) throws(CaptureFault) {
    guard path != "-" else {
      try self.init(fileDescriptor: 0, name: "standard input")
      return
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let text = String(cString: strerror(errno))
      throw CaptureFault(name: path, location: nil, reason: .cannotOpen(text))
    }
    try self.init(fileDescriptor: descriptor, name: path)
  }

  /// Reads from a descriptor, which is closed with the file unless it is standard input.
  public init(fileDescriptor: Int32, name: String) throws(CaptureFault) {
    self.name = name
    window = CaptureWindow(descriptor: fileDescriptor, closes: fileDescriptor != 0)
    do throws(CaptureFault.Reason) {
      try window.recogniseCompression()
      try readHeader()
    } catch {
      throw located(error)
    }
  }

  /// Bytes of the file read so far (compressed, if it is), and the file's size when it is a regular
  /// file: for progress bars.
  public var bytesRead: UInt64 { window.bytesRead }
  public var totalBytes: UInt64? { window.totalBytes }

  /// Lends up to `limit` frames, one after the other, to `body`; their bytes stay where they are until
  /// the next call.
  ///
  /// Returns earlier rather than wait for more of a pipe once it has some. A fault behind delivered
  /// frames is thrown by the next call.
  ///
  /// - Returns: how many frames; 0 at the end of the capture.
  public mutating func read(
    atMost limit: Int, _ body: (Frame) -> Void
  ) throws(CaptureFault) -> Int {
    if let fault { throw fault }
    var delivered = 0
    let limit = max(limit, 1)
    do throws(CaptureFault.Reason) {
      if let classic {
        try readRecords(classic, atMost: limit, delivered: &delivered, body)
      } else {
        try readBlocks(atMost: limit, delivered: &delivered, body)
      }
      packetCount += UInt64(delivered)
    } catch {
      packetCount += UInt64(delivered)
      let fault = located(error)
      self.fault = fault
      if delivered == 0 { throw fault }
    }
    return delivered
  }

  private func located(_ reason: CaptureFault.Reason) -> CaptureFault {
    CaptureFault(
      name: name, location: CaptureFault.Location(packet: packetCount, byte: window.offset),
      reason: reason)
  }

  /// Recognises the format; leaves the window at the first record or block.
  private mutating func readHeader() throws(CaptureFault.Reason) {
    guard try window.require(4) else {
      let have = window.unread.count
      throw have == 0 ? .empty : .truncated(have: have, need: ClassicFormat.headerLength)
    }
    let magic = window.unread.loadUnaligned(as: UInt32.self)
    if magic == BlockFormat.sectionHeader { return }
    guard ClassicFormat.isMagic(magic) else { throw .foreign(Array(window.unread.prefix(4))) }
    guard try window.require(ClassicFormat.headerLength) else {
      throw .truncated(have: window.unread.count, need: ClassicFormat.headerLength)
    }
    classic = ClassicFormat(window.unread)
    window.advance(ClassicFormat.headerLength)
  }
}
