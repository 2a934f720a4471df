/// AUTH LOGIN and AUTH PLAIN (RFC 4616, draft-murchison-sasl-login) as far as names can be read.
struct LoginExchange {
  private static let nameLimit = 128

  private enum Method { case none, plain, login, other }

  private var method = Method.none
  private var answers = 0
  private(set) var user: [UInt8]?
  /// The newest line carried a password in clear (base64 hides nothing).
  private(set) var carriesPassword = false
  /// Digest of that password; 0 without one.
  private(set) var secret: UInt64 = 0

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
      let parts = Base64.decoded(answer).split(separator: 0, omittingEmptySubsequences: false)
      if parts.count >= 2 { user = Array(parts[1].prefix(Self.nameLimit)) }
      if parts.count >= 3 { secret = parts[2].secretDigest }
      carriesPassword = true
    case .login:
      if answers == 1 {
        user = Array(Base64.decoded(answer).prefix(Self.nameLimit))
      } else {
        carriesPassword = true
        secret = answer.secretDigest
      }
    case .none, .other: break
    }
  }
}
