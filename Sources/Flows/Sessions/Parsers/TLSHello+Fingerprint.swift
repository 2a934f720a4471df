/// JA3 (Althouse and others, 2017) and JA4 (FoxIO, 2023) before hashing: MD5 of `ja3`; SHA-256 of the
/// parts of `ja4`, cut to twelve digits, joined by `_`.
extension TLSHello {
  /// `version,ciphers,extensions,groups,formats` of a client, `version,cipher,extensions` (JA3S) of
  /// a server, in decimal, without GREASE.
  public var ja3: String { String(decoding: ja3Bytes, as: UTF8.self) }

  /// The same as bytes.
  public var ja3Bytes: [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity((cipherSuites.count + extensions.count + groups.count) * 6 + 16)
    Self.append(legacyVersion, to: &text)
    Self.append(cipherSuites, to: &text)
    Self.append(extensions, to: &text)
    if isFromClient {
      Self.append(groups, to: &text)
      text.append(UInt8(ascii: ","))
      for (number, format) in pointFormats.enumerated() {
        if number > 0 { text.append(UInt8(ascii: "-")) }
        Self.append(UInt16(format), to: &text)
      }
    }
    return text
  }

  /// Of a client's hello: the part that is not hashed, such as `t13d1516h2`; the sorted ciphers; the
  /// sorted extensions with, behind `_`, the signature algorithms in their order. In hexadecimal.
  public var ja4: (head: String, ciphers: String, extensions: String) {
    let ciphers = cipherSuites.filter { !Self.isGrease($0) }
    let types = extensions.filter { !Self.isGrease($0) }
    let shown = types.filter { $0 != 0 && $0 != 16 }
    let name = types.contains(0) ? "d" : "i"
    let head =
      "t\(Self.versionCode(version))\(name)\(Self.twoDigits(ciphers.count))"
      + "\(Self.twoDigits(types.count))\(applicationCode)"
    let tail = signatureAlgorithms.isEmpty ? "" : "_" + Self.hexadecimal(signatureAlgorithms)
    return (head, Self.hexadecimal(ciphers.sorted()), Self.hexadecimal(shown.sorted()) + tail)
  }

  /// A comma, then the values but for GREASE, joined by `-`.
  private static func append(_ values: [UInt16], to text: inout [UInt8]) {
    text.append(UInt8(ascii: ","))
    var isFirst = true
    for value in values where !isGrease(value) {
      if !isFirst { text.append(UInt8(ascii: "-")) }
      isFirst = false
      append(value, to: &text)
    }
  }

  /// In decimal.
  private static func append(_ value: UInt16, to text: inout [UInt8]) {
    var power: UInt16 = 10_000
    while power > 1, power > value { power /= 10 }
    while power > 0 {
      text.append(UInt8(ascii: "0") + UInt8(value / power % 10))
      power /= 10
    }
  }

  private static func hexadecimal(_ values: [UInt16]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(values.count * 5)
    for value in values {
      if !text.isEmpty { text.append(UInt8(ascii: ",")) }
      var rest = value
      for _ in 0..<4 {
        text.append(hexadecimalDigits[Int(rest >> 12)])
        rest <<= 4
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static let hexadecimalDigits = Array("0123456789abcdef".utf8)

  private static func twoDigits(_ count: Int) -> String {
    count < 10 ? "0\(count)" : "\(min(count, 99))"
  }

  private static func versionCode(_ version: UInt16) -> String {
    switch version {
    case 0x0304: "13"
    case 0x0303: "12"
    case 0x0302: "11"
    case 0x0301: "10"
    case 0x0300: "s3"
    default: "00"
    }
  }

  /// First and last character of the first protocol offered.
  private var applicationCode: String {
    guard let name = applicationProtocols.first, let first = name.first, let last = name.last else {
      return "00"
    }
    func isPlain(_ byte: UInt8) -> Bool { byte.isLetter || byte.isDigit }
    if isPlain(first), isPlain(last) {
      return String(decoding: [first, last], as: UTF8.self)
    }
    return String(first >> 4, radix: 16) + String(last & 15, radix: 16)
  }
}
