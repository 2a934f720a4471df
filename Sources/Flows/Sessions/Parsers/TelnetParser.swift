/// Telnet (RFC 854): lines without negotiation, and logins by their prompts.
final class TelnetParser: SessionParser {
  /// Lines told of one conversation.
  private static let lineLimit = 256
  private static let escape: UInt8 = 255
  private static let subnegotiation: UInt8 = 250
  private static let end: UInt8 = 240

  private enum Phase { case text, command, option, options, optionsEscape }
  private enum Login { case none, user, password, verdict }

  private struct Side {
    var phase = Phase.text
    var line: [UInt8] = []
  }

  @exclusivity(unchecked) private var sides = [Side(), Side()]
  @exclusivity(unchecked) private var login = Login.none
  /// What the client said to the newest prompts.
  @exclusivity(unchecked) private var user: [UInt8] = []
  @exclusivity(unchecked) private var secret: UInt64 = 0
  @exclusivity(unchecked) private var lines = 0

  /// Words of servers that refuse a login.
  private static let refusals: [StaticString] = [
    "incorrect", "fail", "denied", "invalid", "wrong", "reject", "bad password",
  ]

  init() { super.init(.telnet) }

  override var held: Int { sides[0].line.count + sides[1].line.count }

  override func feed(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    for byte in bytes {
      if let text = strip(byte, direction.index) { take(text, direction, &output) }
      if lines >= Self.lineLimit { return false }
    }
    return true
  }

  override func skip(
    _ count: UInt64, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    sides[direction.index] = Side()
    return true
  }

  /// The byte, unless it belongs to a negotiation.
  private func strip(_ byte: UInt8, _ index: Int) -> UInt8? {
    switch sides[index].phase {
    case .text:
      guard byte == Self.escape else { return byte }
      sides[index].phase = .command
    case .command:
      sides[index].phase =
        byte == Self.subnegotiation ? .options : byte > Self.subnegotiation ? .option : .text
      if byte == Self.escape {
        sides[index].phase = .text
        return byte
      }
    case .option: sides[index].phase = .text
    case .options: if byte == Self.escape { sides[index].phase = .optionsEscape }
    case .optionsEscape: sides[index].phase = byte == Self.end ? .text : .options
    }
    return nil
  }

  private func take(_ byte: UInt8, _ direction: FlowDirection, _ output: inout SessionOutput) {
    let index = direction.index
    if byte == 0x0a || byte == 0x0d || byte == 0 {
      guard !sides[index].line.isEmpty || direction == .out && byte == 0x0d && isAsked else {
        return
      }
      endLine(direction, &output)
      return
    }
    if sides[index].line.count < TelnetLine.textLimit { sides[index].line.append(byte) }
    guard direction == .back else { return }
    if byte == 0x3a {
      if sides[index].line.suffix(9).mentions("login:")
        || sides[index].line.suffix(9).mentions("username:")
      {
        if login == .verdict { tell(.failure, direction, keeping: true, &output) }
        tell(.loginPrompt, direction, &output)
        login = .user
      } else if sides[index].line.suffix(9).mentions("assword:") {
        tell(.passwordPrompt, direction, &output)
        login = .password
      }
    } else if login == .verdict, byte == 0x20 || byte == 0x24 || byte == 0x23 || byte == 0x3e,
      let mark = sides[index].line.suffix(2).last(where: { !$0.isBlank }),
      mark == 0x24 || mark == 0x23 || mark == 0x3e
    {
      login = .none
      tell(.success, direction, &output)
    }
  }

  private var isAsked: Bool { login == .user || login == .password }

  private func endLine(_ direction: FlowDirection, _ output: inout SessionOutput) {
    guard direction == .back else {
      switch login {
      case .user:
        login = .none
        user = sides[0].line
        secret = 0
        tell(.user, direction, &output)
      case .password:
        login = .verdict
        secret = sides[0].line.secretDigest
        tell(.password, direction, &output)
      default: tell(.text, direction, &output)
      }
      return
    }
    let line = sides[1].line
    guard !line.allSatisfy({ $0.isBlank }) else {
      sides[1].line = []
      return
    }
    if login == .verdict, Self.refusals.contains(where: { line.mentions($0) }) {
      login = .none
      tell(.failure, direction, &output)
    } else if login == .verdict, line.mentions("last login") || line.mentions("welcome") {
      login = .none
      tell(.success, direction, &output)
    } else {
      tell(.text, direction, &output)
    }
  }

  private func tell(
    _ role: TelnetLine.Role, _ direction: FlowDirection, keeping: Bool = false,
    _ output: inout SessionOutput
  ) {
    var line = TelnetLine()
    line.isFromClient = direction == .out
    line.role = role
    line.text = sides[direction.index].line
    if role == .failure || role == .success {
      line.user = user
      line.secret = secret
    }
    if !keeping { sides[direction.index].line = [] }
    lines += 1
    output.tell(.telnet(line))
  }
}
