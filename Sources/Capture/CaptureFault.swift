/// What is wrong with a capture, and where.
public struct CaptureFault: Error, Equatable, Sendable {
  public enum Reason: Error, Equatable, Sendable {
    /// The file cannot be opened; the system's text.
    case cannotOpen(String)
    /// Reading failed midway; the system's text.
    case cannotRead(String)
    /// A file of no bytes.
    case empty
    /// Neither pcap nor pcapng, plain or compressed; the first bytes, at most four.
    case foreign([UInt8])
    /// A version of the format that is not known.
    case version(major: UInt16, minor: UInt16)
    /// The capture ends inside its file header, a record or a block.
    case truncated(have: Int, need: Int)
    /// A record claims more bytes than `CaptureFile.recordLimit`.
    case recordTooLong(claimed: UInt32)
    /// A pcapng block length below its own header, no multiple of 4, or too long for its type.
    case blockLength(claimed: UInt32)
    /// The two lengths at a pcapng block's ends differ.
    case blockLengths(head: UInt32, tail: UInt32)
    /// A pcapng packet claims more captured bytes than its block holds.
    case packetLength(claimed: UInt32, held: Int)
    /// A pcapng section that does not begin with a byte-order magic.
    case byteOrder(UInt32)
    /// A pcapng packet of an interface that its section has not described.
    case unknownInterface(UInt32)
    /// More interfaces in one pcapng section than `CaptureFile.interfaceLimit`.
    case tooManyInterfaces
    /// The compressed data are corrupt or end early; the library's text.
    case compression(String)
    /// More unpacked bytes than are read into memory.
    case tooLarge(limit: Int)
    /// No interface has this name; those that exist.
    case noSuchInterface(existing: [String])
    /// Capturing needs a privilege that this process lacks; the library's text.
    case noPermission(String)
    /// The BPF filter does not compile; the library's text.
    case filter(String)
    /// The interface failed or went away; the library's text.
    case interface(String)
  }

  /// Where in a file a fault was met.
  public struct Location: Equatable, Sendable {
    /// Zero-based index of the packet that could not be read.
    public let packet: UInt64
    /// Bytes from the start of the (uncompressed) capture to the record or block at fault.
    public let byte: UInt64
  }

  /// The file or the interface.
  public let name: String
  /// nil where no byte was read.
  public let location: Location?
  public let reason: Reason
}

extension CaptureFault: CustomStringConvertible {
  /// `name: packet 17, byte 4711: what is wrong`.
  public var description: String {
    guard let location else { return "\(name): \(reason)" }
    return "\(name): packet \(location.packet), byte \(location.byte): \(reason)"
  }
}

extension CaptureFault.Reason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .cannotOpen(let text): "cannot open: \(text)"
    case .cannotRead(let text): "cannot read: \(text)"
    case .empty: "the file is empty"
    case .foreign(let bytes): "not a pcap or pcapng capture: begins with \(Self.dump(bytes))"
    case .version(let major, let minor): "unknown format version \(major).\(minor)"
    case .truncated(let have, let need): "the capture ends early: \(have) of \(need) bytes"
    case .recordTooLong(let claimed):
      "record of \(claimed) bytes, the limit is \(CaptureFile.recordLimit)"
    case .blockLength(let claimed): "impossible block length \(claimed)"
    case .blockLengths(let head, let tail): "block lengths \(head) and \(tail) differ"
    case .packetLength(let claimed, let held):
      "packet of \(claimed) bytes in a block that holds \(held)"
    case .byteOrder(let magic): "no byte-order magic but 0x\(String(magic, radix: 16))"
    case .unknownInterface(let index): "packet of interface \(index), which is not described"
    case .tooManyInterfaces:
      "more than \(CaptureFile.interfaceLimit) interfaces in one section"
    case .compression(let text): "cannot decompress: \(text)"
    case .tooLarge(let limit): "more than \(limit >> 20) MiB unpacked"
    case .noSuchInterface(let existing):
      "no such interface; there are: \(existing.joined(separator: ", "))"
    case .noPermission(let text): "no permission to capture: \(text)"
    case .filter(let text): "bad filter: \(text)"
    case .interface(let text): "capture failed: \(text)"
    }
  }

  /// Hexadecimal octets, and the text where they are printable.
  private static func dump(_ bytes: [UInt8]) -> String {
    let octets = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    let hex = octets.joined(separator: " ")
    guard bytes.allSatisfy({ (0x20..<0x7f).contains($0) }) else { return hex }
    return "\(hex) (\"\(String(decoding: bytes, as: UTF8.self))\")"
  }
}
