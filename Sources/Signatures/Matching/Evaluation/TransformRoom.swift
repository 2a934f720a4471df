import Crypto
import Glibc

/// Buffers as transforms leave them.
final class TransformRoom {
  /// Octets transformed of a buffer.
  static let limit = 16_384

  private var bytes: [UInt8] = []

  init() { bytes.reserveCapacity(Self.limit + 1) }

  /// The bytes of `data` behind `codes` (see `BufferTransform.append`), valid until the next call.
  func apply(_ codes: UnsafeRawBufferPointer, to data: UnsafeRawBufferPointer)
    -> UnsafeRawBufferPointer
  {
    bytes.removeAll(keepingCapacity: true)
    bytes.append(contentsOf: data.prefix(Self.limit))
    var at = 0
    while at < codes.count {
      let code = codes[at]
      at += 1
      var key: UnsafeRawBufferPointer.SubSequence = codes[0..<0]
      if code == 8, at < codes.count {
        let count = min(Int(codes[at]), codes.count - at - 1)
        key = codes[at + 1..<at + 1 + count]
        at += 1 + count
      }
      apply(code, key: Array(key))
    }
    return bytes.withUnsafeBytes { $0 }
  }

  private func apply(_ code: UInt8, key: [UInt8]) {
    switch code {
    case 0: bytes.insert(0x2e, at: 0)
    case 1: for place in bytes.indices { bytes[place] = bytes[place].asciiLower }
    case 2:
      for place in bytes.indices where bytes[place] &- 0x61 < 26 { bytes[place] &= 0xdf }
    case 3: bytes.removeAll { $0.isBlankSpace }
    case 4: compress()
    case 5: decodeURL()
    case 6: lowercaseHeaders()
    case 7: stripPseudoHeaders()
    case 8:
      guard !key.isEmpty else { return }
      for place in bytes.indices { bytes[place] ^= key[place % key.count] }
    case 9: bytes = Array(Insecure.MD5.hash(data: bytes))
    case 10: bytes = Array(Insecure.SHA1.hash(data: bytes))
    case 11: bytes = Array(SHA256.hash(data: bytes))
    default: break
    }
  }

  private func compress() {
    var wasBlank = false
    var result: [UInt8] = []
    for byte in bytes {
      let isBlank = byte.isBlankSpace
      if isBlank, wasBlank { continue }
      result.append(isBlank ? 0x20 : byte)
      wasBlank = isBlank
    }
    bytes = result
  }

  private func decodeURL() {
    var result: [UInt8] = []
    var at = 0
    while at < bytes.count {
      if bytes[at] == 0x25, at + 2 < bytes.count, let high = ByteNumber.digit(bytes[at + 1]),
        let low = ByteNumber.digit(bytes[at + 2])
      {
        result.append(UInt8(high << 4 | low))
        at += 3
      } else {
        result.append(bytes[at] == 0x2b ? 0x20 : bytes[at])
        at += 1
      }
    }
    bytes = result
  }

  private func lowercaseHeaders() {
    var isName = true
    for place in bytes.indices {
      if bytes[place] == 0x0a {
        isName = true
      } else if bytes[place] == 0x3a {
        isName = false
      } else if isName {
        bytes[place] = bytes[place].asciiLower
      }
    }
  }

  private func stripPseudoHeaders() {
    bytes = Array(
      bytes.split(separator: 0x0a, omittingEmptySubsequences: false).filter { $0.first != 0x3a }
        .joined(separator: [0x0a]))
  }
}
