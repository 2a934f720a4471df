/// AUTH LOGIN and AUTH PLAIN (RFC 4616, draft-murchison-sasl-login) as far as names can be read.
struct LoginExchange {
  private static let nameLimit = 128

  private enum Method { case none, plain, login, other }

  private var method = Method.none
  private var answers = 0
  private(set) var user: [UInt8]?
  /// The newest line carried a password in clear (base64 hides nothing).
  private(set) var carriesPassword = false

  init() {}

  /// - Parameter argument: the mechanism, and perhaps a first answer.
  init(_ argument: ArraySlice<UInt8>) {
    let name = argument.prefix { !$0.isBlank }
    method = name.matches("plain") ? .plain : name.matches("login") ? .login : .other
    let answer = argument.dropFirst(name.count).drop { $0.isBlank }
    if !answer.isEmpty { take(answer) }
  }

  mutating func take(_ answer: ArraySlice<UInt8>) {
    answers += 1
    carriesPassword = false
    switch method {
    case .plain:
      // Authorisation identity, name and password, with zeros between them.
      let parts = Self.decoded(answer).split(separator: 0, omittingEmptySubsequences: false)
      if parts.count >= 2 { user = Array(parts[1].prefix(Self.nameLimit)) }
      carriesPassword = true
    case .login:
      if answers == 1 {
        user = Array(Self.decoded(answer).prefix(Self.nameLimit))
      } else {
        carriesPassword = true
      }
    case .none, .other: break
    }
  }

  /// Base64 (RFC 4648, 4), up to the first byte that is none.
  static func decoded(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    var bits: UInt32 = 0
    var count: UInt32 = 0
    for byte in text {
      let value: UInt8
      switch byte {
      case 0x41...0x5a: value = byte - 0x41
      case 0x61...0x7a: value = byte - 0x61 + 26
      case 0x30...0x39: value = byte - 0x30 + 52
      case 0x2b: value = 62
      case 0x2f: value = 63
      default: return result
      }
      bits = bits << 6 | UInt32(value)
      count += 6
      guard count >= 8 else { continue }
      count -= 8
      result.append(UInt8(truncatingIfNeeded: bits >> count))
    }
    return result
  }
}
