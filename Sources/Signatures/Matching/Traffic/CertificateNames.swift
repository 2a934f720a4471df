import Crypto

/// Subject, issuer and serial number of a certificate (RFC 5280, 4.1), from a bounded walk over its
/// DER: no more of it is read, and none of it believed.
struct CertificateNames {
  /// In the form of Suricata: `C=DE, O=Example, CN=www.example.com`.
  private(set) var subject: [UInt8] = []
  private(set) var issuer: [UInt8] = []
  /// `00:A1:…`.
  private(set) var serial: [UInt8] = []
  /// SHA-1, `a1:b2:…`.
  private(set) var fingerprint: [UInt8] = []

  private static let attributeLimit = 32

  /// nil where the outer structure is not that of a certificate.
  init?(_ bytes: UnsafeRawBufferPointer) {
    var outer = DERReader(bytes)
    guard let certificate = outer.next(), certificate.tag == 0x30 else { return nil }
    var body = DERReader(certificate.contents)
    guard let signed = body.next(), signed.tag == 0x30 else { return nil }
    var fields = DERReader(signed.contents)
    guard var field = fields.next() else { return nil }
    if field.tag == 0xa0 {
      guard let next = fields.next() else { return nil }
      field = next
    }
    guard field.tag == 2 else { return nil }
    serial = Self.joined(field.contents.prefix(64), upper: true)
    // Signature algorithm, issuer, validity, subject.
    guard fields.next() != nil, let issuer = fields.next(), fields.next() != nil,
      let subject = fields.next()
    else { return nil }
    self.issuer = Self.name(issuer.contents)
    self.subject = Self.name(subject.contents)
    fingerprint = Self.joined(Insecure.SHA1.hash(data: Array(bytes)), upper: false)
  }

  private static func joined(_ bytes: some Sequence<UInt8>, upper: Bool) -> [UInt8] {
    let digits = upper ? upperDigits : lowerDigits
    var text: [UInt8] = []
    text.reserveCapacity(3 * bytes.underestimatedCount)
    for byte in bytes {
      if !text.isEmpty { text.append(0x3a) }
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return text
  }

  private static let lowerDigits = Array("0123456789abcdef".utf8)
  private static let upperDigits = Array("0123456789ABCDEF".utf8)

  private static func name(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var text: [UInt8] = []
    var sets = DERReader(bytes)
    var count = 0
    while count < attributeLimit, let set = sets.next() {
      var pairs = DERReader(set.contents)
      while count < attributeLimit, let pair = pairs.next() {
        count += 1
        var parts = DERReader(pair.contents)
        guard let type = parts.next(), type.tag == 6, let value = parts.next(),
          let short = shortName(type.contents)
        else { continue }
        if !text.isEmpty { text += Array(", ".utf8) }
        text += Array(short.utf8) + [0x3d] + value.contents.prefix(512)
      }
    }
    return text
  }

  private static func shortName(_ identifier: UnsafeRawBufferPointer) -> String? {
    // id-at: 2.5.4.n.
    if identifier.count == 3, identifier[0] == 0x55, identifier[1] == 4 {
      switch identifier[2] {
      case 3: return "CN"
      case 4: return "SN"
      case 5: return "serialNumber"
      case 6: return "C"
      case 7: return "L"
      case 8: return "ST"
      case 9: return "street"
      case 10: return "O"
      case 11: return "OU"
      case 12: return "title"
      case 42: return "GN"
      default: return nil
      }
    }
    if identifier.elementsEqual([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1]) {
      return "emailAddress"
    }
    let component: [UInt8] = [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25]
    return identifier.elementsEqual(component) ? "DC" : nil
  }
}

/// Elements of DER one behind the other; every length is checked.
struct DERReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func next() -> (tag: UInt8, contents: UnsafeRawBufferPointer)? {
    guard bytes.count - offset >= 2 else { return nil }
    let tag = bytes[offset]
    var length = Int(bytes[offset + 1])
    var start = offset + 2
    if length & 0x80 != 0 {
      let count = length & 0x7f
      guard count > 0, count <= 4, bytes.count - start >= count else { return nil }
      length = 0
      for place in start..<start + count { length = length << 8 | Int(bytes[place]) }
      start += count
    }
    guard length <= bytes.count - start else { return nil }
    offset = start + length
    return (tag, UnsafeRawBufferPointer(rebasing: bytes[start..<start + length]))
  }
}
