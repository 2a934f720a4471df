import Flows

/// A name and a password that a request submits, as digests: enough to tell attempts apart.
struct LoginForm: Sendable {
  /// Of what names the account; 0 when nothing does.
  var user: UInt64 = 0
  /// Of the password; nil when the request only looks like a login by its path.
  var secret: UInt64?

  /// Bytes of a name or password as it is sent, at most.
  private static let valueLimit = 96
  private static let userNames: Set<String> = [
    "user", "username", "login", "email", "log", "uname", "name", "userid", "user_login", "account",
    "j_username", "mail", "id", "u", "usr",
  ]
  private static let secretNames: Set<String> = [
    "pass", "passwd", "password", "pwd", "pw", "secret", "passphrase", "j_password", "user_pass",
    "userpassword", "psw",
  ]
  private static let places: [StaticString] = [
    "login", "signin", "sign-in", "logon", "auth", "session", "xmlrpc", "token",
  ]

  /// nil for a request that submits no login.
  init?(_ request: HTTPRequest) {
    guard request.method == "POST" || request.method == "PUT" else { return nil }
    for (name, value) in Self.fields(request.body) {
      let isSecret = Self.namesSecret(name)
      guard isSecret || Self.namesUser(name) else { continue }
      // Whoever tries what an application does with strange values tries no passwords.
      guard Self.isCredential(value) else { return nil }
      if secret == nil, isSecret { secret = value.digest }
      if user == 0, !isSecret { user = value.digest }
    }
    if secret == nil {
      guard Self.places.contains(where: { request.target.mentions($0) }) else { return nil }
      if request.body.isEmpty { return nil }
    }
  }

  /// Endings of longer names: `pma_password`, `ctl00$Main$txtUserName`.
  private static let secretEndings = ["password", "passwd", "passwort", "pwd"]
  private static let userEndings = ["username", "userid", "user_name", "useremail"]

  private static func namesSecret(_ name: String) -> Bool {
    secretNames.contains(name) || secretEndings.contains { name.hasSuffix($0) }
  }

  private static func namesUser(_ name: String) -> Bool {
    userNames.contains(name) || userEndings.contains { name.hasSuffix($0) }
  }

  /// In lower case; of `user[password]`, escaped or not, what stands between the brackets.
  private static func name(_ bytes: ArraySlice<UInt8>) -> String {
    let name = String(decoding: bytes.prefix(valueLimit).map(\.lowered), as: UTF8.self)
    for (open, close) in [("[", "]"), ("%5b", "%5d")] where name.hasSuffix(close) {
      let inner = name.dropLast(close.utf8.count)
      let part = inner.ranges(of: open).last.map { inner[$0.upperBound...] }
      if let part { return String(part) }
    }
    return name
  }

  /// Whether a value, as sent, may be what somebody types into a login: short, and not made of
  /// several words and brackets.
  private static func isCredential(_ value: ArraySlice<UInt8>) -> Bool {
    guard value.count <= valueLimit else { return false }
    var words = 0
    for place in value.indices where value[place] == 0x2b || value[place] == 0x28 {
      words += 1
      if place > value.startIndex, value[place - 1] == 0x2b { words += 1 }
    }
    for escape: StaticString in ["%20", "%28", "%2f%2a", "/*"] where value.mentions(escape) {
      words += 2
    }
    return words < 2
  }

  /// The names and values of a form, or of the strings of a flat JSON object.
  private static func fields(_ body: [UInt8]) -> [(String, ArraySlice<UInt8>)] {
    if body.first(where: { $0 > 0x20 }) == 0x7b { return members(body) }
    return body.split(separator: 0x26, maxSplits: 32).compactMap { part in
      guard let mark = part.firstIndex(of: 0x3d) else { return nil }
      return (name(part[..<mark]), part[(mark + 1)...])
    }
  }

  private static func members(_ body: [UInt8]) -> [(String, ArraySlice<UInt8>)] {
    let strings = body.split(separator: 0x22, maxSplits: 64, omittingEmptySubsequences: false)
    var found: [(String, ArraySlice<UInt8>)] = []
    for index in strings.indices.dropLast(2) where index % 2 == 1 {
      let isName = strings[index + 1].first { $0 > 0x20 } == 0x3a
      guard isName else { continue }
      found.append(
        (String(decoding: strings[index].map(\.lowered), as: UTF8.self), strings[index + 2]))
    }
    return found
  }
}
