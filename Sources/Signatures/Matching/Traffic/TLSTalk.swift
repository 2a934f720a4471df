import Crypto
import Flows

/// The handshake of a TLS conversation, as far as it is in clear (RFC 5246, RFC 8446).
final class TLSTalk {
  private static let handshake: UInt8 = 22
  /// Bytes read of the handshake messages of one side.
  private static let messageLimit = 65_536

  private struct Side {
    var record: [UInt8] = []
    var left = 0
    var isHandshake = false
    var messages: [UInt8] = []
    var isDone = false
    /// It said so itself: by a change of ciphers, or application data.
    var isSealed = false
  }

  @exclusivity(unchecked) private var sides = [Side(), Side()]

  /// Buffers by kind, empty where there is none.
  @exclusivity(unchecked) private(set) var serverName: [UInt8] = []
  @exclusivity(unchecked) private(set) var ja3: [UInt8] = []
  @exclusivity(unchecked) private(set) var ja3Text: [UInt8] = []
  @exclusivity(unchecked) private(set) var ja3s: [UInt8] = []
  @exclusivity(unchecked) private(set) var ja3sText: [UInt8] = []
  @exclusivity(unchecked) private(set) var ja4: [UInt8] = []
  @exclusivity(unchecked) private(set) var certificates: [[UInt8]] = []
  @exclusivity(unchecked) private(set) var certificate: CertificateNames?
  @exclusivity(unchecked) private(set) var version: UInt16 = 0

  init() {}

  var isDone: Bool { sides[0].isDone && sides[1].isDone }

  func isDone(toServer: Bool) -> Bool { sides[toServer ? 0 : 1].isDone }
  var isSealed: Bool { sides[0].isSealed && sides[1].isSealed }

  func feed(_ bytes: UnsafeRawBufferPointer, toServer: Bool, _ inspector: SignatureInspector) {
    let index = toServer ? 0 : 1
    var at = 0
    while at < bytes.count, !sides[index].isDone {
      if sides[index].left == 0 {
        sides[index].record.append(bytes[at])
        at += 1
        if sides[index].record.count == 5 { beginRecord(index) }
        continue
      }
      let count = min(sides[index].left, bytes.count - at)
      if sides[index].isHandshake, sides[index].messages.count < Self.messageLimit {
        sides[index].messages.append(contentsOf: bytes[at..<at + count])
      }
      sides[index].left -= count
      at += count
      readMessages(index, inspector)
    }
  }

  private func beginRecord(_ index: Int) {
    let record = sides[index].record
    sides[index].record = []
    sides[index].left = Int(record[3]) << 8 | Int(record[4])
    sides[index].isHandshake = record[0] == Self.handshake
    // What follows a change of ciphers, or is application data, is encrypted.
    if record[1] != 3 || record[0] != Self.handshake { sides[index].isDone = true }
    if record[1] == 3, record[0] == 20 || record[0] == 23 { sides[index].isSealed = true }
  }

  func lose(toServer: Bool) { sides[toServer ? 0 : 1].isDone = true }

  private func readMessages(_ index: Int, _ inspector: SignatureInspector) {
    guard sides[index].messages.count >= 4 else { return }
    let messages = sides[index].messages
    // All whole messages at once: taking each out by itself would cost the square of their number.
    sides[index].messages = []
    var at = 0
    while messages.count - at >= 4 {
      let length =
        Int(messages[at + 1]) << 16 | Int(messages[at + 2]) << 8 | Int(messages[at + 3])
      guard length <= Self.messageLimit else {
        sides[index].isDone = true
        return
      }
      guard messages.count - at >= length + 4 else { break }
      messages.withUnsafeBytes {
        let body = UnsafeRawBufferPointer(rebasing: $0[at + 4..<at + 4 + length])
        read(messages[at], body, index, inspector)
      }
      at += length + 4
    }
    sides[index].messages = at == 0 ? messages : Array(messages[at...])
  }

  private func read(
    _ type: UInt8, _ body: UnsafeRawBufferPointer, _ index: Int, _ inspector: SignatureInspector
  ) {
    switch (type, index) {
    case (1, 0):
      let hello = TLSHello(body, isFromClient: true)
      serverName = [0x2e] + hello.serverName
      if inspector.looks(at: .ja3Hash) || inspector.looks(at: .ja3Text) {
        ja3Text = hello.ja3Bytes
        ja3 = Self.hexadecimal(Insecure.MD5.hash(data: ja3Text))
      }
      if inspector.looks(at: .ja4Hash) { ja4 = Self.ja4(hello) }
      inspector.inspectHandshake(self, toServer: true)
    case (2, 1):
      let hello = TLSHello(body, isFromClient: false)
      version = hello.version
      if inspector.looks(at: .ja3sHash) || inspector.looks(at: .ja3sText) {
        ja3sText = hello.ja3Bytes
        ja3s = Self.hexadecimal(Insecure.MD5.hash(data: ja3sText))
      }
      // In TLS 1.3 the certificates are encrypted: nothing more will come.
      if hello.version >= 0x0304 { inspector.inspectHandshake(self, toServer: false) }
    case (11, 1):
      readCertificates(body)
      inspector.inspectHandshake(self, toServer: false)
    default: break
    }
  }

  private func readCertificates(_ body: UnsafeRawBufferPointer) {
    var at = 3
    while at + 3 <= body.count, certificates.count < 8 {
      let length = Int(body[at]) << 16 | Int(body[at + 1]) << 8 | Int(body[at + 2])
      at += 3
      guard length > 0, at + length <= body.count else { return }
      certificates.append(Array(body[at..<at + length]))
      at += length
    }
    certificate = certificates.first.flatMap { certificate in
      certificate.withUnsafeBytes { CertificateNames($0) }
    }
  }

  private static func ja4(_ hello: TLSHello) -> [UInt8] {
    let parts = hello.ja4
    let digests = [parts.ciphers, parts.extensions].map {
      hexadecimal(SHA256.hash(data: Array($0.utf8))).prefix(12)
    }
    return Array(parts.head.utf8) + [0x5f] + digests[0] + [0x5f] + digests[1]
  }

  static func hexadecimal(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(2 * bytes.underestimatedCount)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return text
  }

  private static let digits = Array("0123456789abcdef".utf8)
}
