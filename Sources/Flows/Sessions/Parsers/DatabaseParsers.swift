/// MySQL and MariaDB, protocol 10 (MySQL Internals, "Connection Phase").
final class MySQLParser: MessageParser {
  /// Access denied: for the user, to the database, by the plug-in; account locked.
  private static let refusals: Set<Int> = [1044, 1045, 1698, 3118, 3955]
  private static let encrypts = 0x0800

  @exclusivity(unchecked) private var user: [UInt8] = []
  @exclusivity(unchecked) private var hasAsked = false

  init() { super.init(.mysql) }

  override func length(_ bytes: [UInt8], _ direction: FlowDirection) -> Int? {
    bytes.count < 4 ? nil : 4 + bytes.little(0, 3)
  }

  override func take(
    _ message: [UInt8], _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    guard message.count > 4 else { return true }
    guard direction == .back else {
      guard !hasAsked else { return true }
      hasAsked = true
      user = Array(message.text(36))
      // A request for TLS ends where the name would begin.
      return !(message.count == 36 && message.little(4) & Self.encrypts != 0)
    }
    guard hasAsked else { return true }
    switch message[4] {
    case 0:
      tell(.accepted, user: user, &output)
      return false
    case 0xff:
      if Self.refusals.contains(message.little(5, 2)) { tell(.refused, user: user, &output) }
      return false
    default: return true
    }
  }
}

/// PostgreSQL, protocol 3 (PostgreSQL documentation, "Message Flow").
final class PostgresParser: MessageParser {
  private static let encryption = 80_877_103
  private static let version = 0x0003_0000

  @exclusivity(unchecked) private var user: [UInt8] = []
  @exclusivity(unchecked) private var secret: UInt64 = 0
  @exclusivity(unchecked) private var hasBegun = false
  @exclusivity(unchecked) private var asksTLS = false
  @exclusivity(unchecked) private var method = 0

  init() { super.init(.postgres) }

  override func length(_ bytes: [UInt8], _ direction: FlowDirection) -> Int? {
    if direction == .back, asksTLS { return 1 }
    if direction == .out, !hasBegun { return bytes.count < 8 ? nil : bytes.big(0) }
    return bytes.count < 5 ? nil : 1 + bytes.big(1)
  }

  override func take(
    _ message: [UInt8], _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    if direction == .back, asksTLS {
      asksTLS = false
      return message[0] != 0x53
    }
    if direction == .out { return takeClient(message) }
    guard message.count >= 5 else { return false }
    switch message[0] {
    case 0x52:
      method = message.big(5)
      guard method == 0 else { return true }
      tell(.accepted, user: user, secret: secret, &output)
      return false
    case 0x45:
      // The field C is the state: class 28 is invalid authorisation.
      if message.place(of: Array("\0C28".utf8)) != nil || message[5...].starts(with: [0x43, 0x32]) {
        tell(.refused, user: user, secret: secret, &output)
      }
      return false
    default: return true
    }
  }

  private func takeClient(_ message: [UInt8]) -> Bool {
    guard hasBegun else {
      if message.big(4) == Self.encryption {
        asksTLS = true
        return true
      }
      guard message.big(4) == Self.version else { return false }
      hasBegun = true
      if let place = message.place(of: Array("user\0".utf8)) {
        user = Array(message.text(place + 5))
      }
      return true
    }
    // A password in clear; digests and proofs differ each time.
    if message[0] == 0x70, method == 3 { secret = message.text(5).secretDigest }
    return true
  }
}

/// Microsoft SQL Server (MS-TDS): what the server answers to a login; the login itself is mostly
/// encrypted, the answer often is not.
final class TDSParser: MessageParser {
  /// Login failed: for the user, from an untrusted domain, disabled, locked, expired.
  private static let refusals: Set<Int> = [18_452, 18_456, 18_470, 18_486, 18_487, 18_488]
  private static let answer: UInt8 = 4
  private static let loginType: UInt8 = 0x10

  @exclusivity(unchecked) private var user: [UInt8] = []

  init() { super.init(.tds) }

  override func length(_ bytes: [UInt8], _ direction: FlowDirection) -> Int? {
    guard bytes.count >= 8 else { return nil }
    let length = bytes.big(2, 2)
    return length >= 8 && bytes[0] <= 0x12 ? length : 0
  }

  override func take(
    _ message: [UInt8], _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    guard direction == .back else {
      if message[0] == Self.loginType {
        // LOGIN7: place and length of the name, in characters.
        let place = 8 + message.little(8 + 40, 2)
        let length = message.little(8 + 42, 2) * 2
        if place < message.count { user = message[place...].prefix(length).filter { $0 != 0 } }
      }
      return true
    }
    guard message[0] == Self.answer else { return true }
    return readTokens(message, &output)
  }

  private func readTokens(_ message: [UInt8], _ output: inout SessionOutput) -> Bool {
    var at = 8
    while at + 3 <= message.count {
      let length = message.little(at + 1, 2)
      switch message[at] {
      case 0xaa:
        guard Self.refusals.contains(message.little(at + 3)) else { return false }
        tell(.refused, user: user, &output)
        return false
      case 0xad:
        tell(.accepted, user: user, &output)
        return false
      case 0xab, 0xe3, 0xe5, 0xed: at += 3 + length
      default: return true
      }
    }
    return true
  }
}

/// MongoDB: SASL and older logins by the server's answers (MongoDB Wire Protocol).
final class MongoParser: MessageParser {
  private static let authenticationFailed = 18
  private static let isDone: [UInt8] = [0x08] + Array("done\0".utf8) + [1]
  private static let code: [UInt8] = [0x10] + Array("code\0".utf8)

  @exclusivity(unchecked) private var isLogin = false

  init() { super.init(.mongodb) }

  override func length(_ bytes: [UInt8], _ direction: FlowDirection) -> Int? {
    guard bytes.count >= 16 else { return nil }
    return bytes.little(0) >= 16 ? bytes.little(0) : 0
  }

  override func take(
    _ message: [UInt8], _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    guard direction == .back else {
      isLogin = ["saslStart", "saslContinue", "authenticate"].contains {
        message.place(of: Array($0.utf8)) != nil
      }
      return true
    }
    guard isLogin else { return true }
    if message.place(of: Self.isDone) != nil {
      tell(.accepted, &output)
      return false
    }
    if let place = message.place(of: Self.code),
      message.little(place + Self.code.count) == Self.authenticationFailed
    {
      tell(.refused, &output)
    }
    return true
  }
}
