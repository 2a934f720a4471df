import Glibc

/// A whole file in memory, plain or compressed with gzip or zstd, told apart by its first bytes: for
/// texts that are shipped packed.
public enum PackedFile {
  /// Unpacked octets; more are refused, so that a small file cannot fill the memory.
  public static let limit = 512 << 20

  /// Reads `path`; `-` is standard input. `progress` is called with the share of the file that has
  /// been read, 0 where its size is not known.
  public static func read(
    path: String, progress: (Double) -> Void = { _ in }
  ) throws(CaptureFault) -> [UInt8] {
    let descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let text = String(cString: strerror(errno))
      throw CaptureFault(name: path, location: nil, reason: .cannotOpen(text))
    }
    var window = CaptureWindow(descriptor: descriptor, closes: descriptor != 0)
    var bytes: [UInt8] = []
    do throws(CaptureFault.Reason) {
      try window.recogniseCompression()
      var isThereMore = true
      while isThereMore {
        bytes.append(contentsOf: window.unread)
        window.advance(window.unread.count)
        guard bytes.count <= limit else { throw .tooLarge(limit: limit) }
        progress(
          window.totalBytes.map { Double(window.bytesRead) / Double(max($0, 1)) } ?? 0)
        isThereMore = try window.fill()
      }
    } catch {
      throw CaptureFault(
        name: path, location: CaptureFault.Location(packet: 0, byte: window.offset), reason: error)
    }
    return bytes
  }
}
