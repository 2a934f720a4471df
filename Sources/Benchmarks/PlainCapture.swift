import Capture
import Glibc
import Packets
import Terms

/// A capture as libpcap can read it, whatever it is packed in.
enum PlainCapture {
  /// Copies the frames of a capture, compressed or not, to a classic nanosecond pcap at `target`.
  static func copy(_ path: String, to target: String) throws {
    var source = try CaptureFile(path: path)
    guard let file = fopen(target, "wb") else {
      throw ChildProcess.Fault.failed("cannot write \(target)")
    }
    var isSound = true
    var hasHeader = false
    while isSound {
      let count = try source.read(atMost: 512) { frame in
        if !hasHeader {
          hasHeader = true
          isSound = put([0xa1b2_3c4d, 0x0004_0002, 0, 0, 262_144, frame.linkType.number], file)
        }
        let nanoseconds = max(frame.time.nanoseconds, 0)
        let length = UInt32(frame.bytes.count)
        let header = [
          UInt32(truncatingIfNeeded: nanoseconds / 1_000_000_000),
          UInt32(nanoseconds % 1_000_000_000), length, frame.wireLength,
        ]
        isSound = isSound && put(header, file)
        guard let base = frame.bytes.baseAddress, length > 0 else { return }
        isSound = isSound && fwrite(base, frame.bytes.count, 1, file) == 1
      }
      guard count > 0 else { break }
    }
    guard fclose(file) == 0, isSound else {
      throw ChildProcess.Fault.failed("cannot write \(target)")
    }
  }

  private static func put(_ words: [UInt32], _ file: UnsafeMutablePointer<FILE>) -> Bool {
    fwrite(words, 4, words.count, file) == words.count
  }
}
