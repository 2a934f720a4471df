import Capture
import Foundation
import Testing

@Test func aPackedFileReadsAsThePlainOne() throws {
  let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let file = folder.appending(path: "text").path
  // Longer than the reader's window, so that it is filled more than once.
  let plain = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
  for packed in [plain, gzip(plain), zstd(plain), gzip(plain) + gzip(plain)] {
    try Data(packed).write(to: URL(filePath: file))
    let bytes = try PackedFile.read(path: file)
    #expect(bytes.prefix(plain.count) == plain[...] && bytes.count % plain.count == 0)
  }
  for short in [[], [35], [35, 10, 10]] as [[UInt8]] {
    try Data(short).write(to: URL(filePath: file))
    #expect(try PackedFile.read(path: file) == short)
  }
}

@Test func aPackedFileThatEndsEarlyIsAFault() throws {
  let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
  defer { try? FileManager.default.removeItem(atPath: file) }
  let plain = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 77 >> 2) }
  for packed in [gzip(plain), zstd(plain)] {
    try Data(packed.prefix(packed.count / 2)).write(to: URL(filePath: file))
    #expect(throws: CaptureFault.self) { try PackedFile.read(path: file) }
  }
  #expect(throws: CaptureFault.self) { try PackedFile.read(path: file + ".missing") }
}
