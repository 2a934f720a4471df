/// SMTP (RFC 5321), FTP (RFC 959), POP3 (RFC 1939) and IMAP (RFC 9051): commands and replies, who
/// logs in and how that ends.
final class CommandParser: SessionParser {
  /// Commands whose replies are awaited.
  private static let awaitedLimit = 64
  /// Commands and replies told of one conversation.
  private static let messageLimit = 4096

  struct Awaited {
    var verb: String
    var user: [UInt8]
    var endsLogin: Bool
    var secret: UInt64 = 0
  }

  /// What the client's bytes are.
  private enum ClientPhase {
    case commands
    /// A mail, to the line with a dot.
    case mail
    /// Announced bytes: BDAT, an IMAP literal.
    case bytes(UInt64)
    /// Answers to challenges of AUTH.
    case challenge
  }

  @exclusivity(unchecked) private var clientLine = LineAssembler()
  @exclusivity(unchecked) private var serverLine = LineAssembler()
  @exclusivity(unchecked) private var phase = ClientPhase.commands
  @exclusivity(unchecked) private var awaited: [Awaited] = []
  @exclusivity(unchecked) private var hasGreeted = false
  @exclusivity(unchecked) private var number = 0
  @exclusivity(unchecked) private var messages = 0
  @exclusivity(unchecked) private var user: [UInt8] = []
  @exclusivity(unchecked) private var secret: UInt64 = 0
  @exclusivity(unchecked) private var login = LoginExchange()
  /// The server's reply goes on until a line with a dot.
  @exclusivity(unchecked) private var isListing = false
  @exclusivity(unchecked) private var serverBytes: UInt64 = 0
  @exclusivity(unchecked) private var lostClient = false
  @exclusivity(unchecked) private var lostServer = false
  /// Replies were lost: which command one answers is no longer certain.
  @exclusivity(unchecked) private var hasLostReplies = false
  @exclusivity(unchecked) private var isOpaque = false

  override var held: Int { clientLine.line.count + serverLine.line.count + awaited.count * 48 }

  override func feed(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    direction == .out ? feedClient(bytes, &output) : feedServer(bytes, &output)
    return !isOpaque && messages < Self.messageLimit
  }

  override func skip(
    _ count: UInt64, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    // The rest of the line that is cut says nothing.
    if direction == .out {
      clientLine.restart()
      lostClient = true
      if case .bytes(let left) = phase { phase = left > count ? .bytes(left - count) : .commands }
    } else {
      serverLine.restart()
      lostServer = true
      hasLostReplies = true
      serverBytes = serverBytes > count ? serverBytes - count : 0
    }
    return true
  }

  private func feedClient(_ bytes: UnsafeRawBufferPointer, _ output: inout SessionOutput) {
    var rest = bytes
    while !rest.isEmpty, !isOpaque {
      if case .bytes(let left) = phase {
        let count = Int(min(left, UInt64(rest.count)))
        rest = rest.from(count)
        phase = left == UInt64(count) ? .commands : .bytes(left - UInt64(count))
        continue
      }
      let step = clientLine.feed(rest)
      rest = rest.from(step.count)
      guard step.isComplete else { return }
      if lostClient {
        lostClient = false
        continue
      }
      readClientLine(&output)
    }
  }

  private func readClientLine(_ output: inout SessionOutput) {
    switch phase {
    case .mail: if clientLine.line == [0x2e] { phase = .commands }
    case .challenge: answerChallenge(&output)
    default: readCommand(&output)
    }
  }

  private func readCommand(_ output: inout SessionOutput) {
    // IMAP's tag comes first.
    var words = clientLine.line.drop { $0.isBlank }
    if kind == .imap { words = words.drop { !$0.isBlank }.drop { $0.isBlank } }
    var command = ClientCommand()
    let verb = words.prefix { !$0.isBlank }
    command.verb = verb.verb
    let argument = words.dropFirst(verb.count).drop { $0.isBlank }
    command.argument = Array(argument.prefix(ClientCommand.argumentLimit))
    command.length = clientLine.length
    command.number = number
    command.isPipelined = !awaited.isEmpty
    number += 1
    note(&command, argument)
    tell(command, &output)
    guard awaited.count < Self.awaitedLimit else { return }
    awaited.append(
      Awaited(
        verb: command.verb, user: command.user, endsLogin: command.carriesPassword,
        secret: command.carriesPassword ? secret : 0))
    if kind == .imap, let size = Self.literal(clientLine.line) { phase = .bytes(size) }
  }

  /// What a command means for who logs in and for what follows it.
  private func note(_ command: inout ClientCommand, _ argument: ArraySlice<UInt8>) {
    switch (kind, command.verb) {
    case (.ftp, "USER"), (.pop, "USER"): user = Array(argument.prefix(ClientCommand.argumentLimit))
    case (.ftp, "PASS"), (.pop, "PASS"):
      command.carriesPassword = true
      secret = argument.secretDigest
    case (.pop, "APOP"):
      user = Array(argument.prefix { !$0.isBlank })
      command.carriesPassword = true
      // The digest of a challenge differs each time.
      secret = 0
    case (.imap, "LOGIN"):
      let name = argument.prefix { !$0.isBlank }
      user = Array(name.filter { $0 != 0x22 })
      command.carriesPassword = true
      secret = argument.dropFirst(name.count).secretDigest
    case (.imap, "AUTHENTICATE"), (.smtp, "AUTH"), (.pop, "AUTH"):
      login = LoginExchange(argument)
      if let name = login.user { user = name }
      command.carriesPassword = login.carriesPassword
      secret = login.secret
    case (.smtp, "BDAT"):
      phase = argument.prefix { $0.isDigit }.number.map { $0 > 0 ? .bytes($0) : .commands } ?? phase
    default: return
    }
    if command.verb != "BDAT" { command.user = user }
  }

  private func answerChallenge(_ output: inout SessionOutput) {
    login.take(clientLine.line[...])
    if let name = login.user { user = name }
    var command = ClientCommand()
    command.argument = Array(clientLine.line.prefix(ClientCommand.argumentLimit))
    command.length = clientLine.length
    command.number = number
    command.user = user
    command.carriesPassword = login.carriesPassword
    number += 1
    phase = .commands
    tell(command, &output)
    if awaited.count < Self.awaitedLimit {
      awaited.append(
        Awaited(verb: "AUTH", user: user, endsLogin: true, secret: login.secret))
    }
  }

  private func feedServer(_ bytes: UnsafeRawBufferPointer, _ output: inout SessionOutput) {
    var rest = bytes
    while !rest.isEmpty, !isOpaque {
      if serverBytes > 0 {
        let count = Int(min(serverBytes, UInt64(rest.count)))
        serverBytes -= UInt64(count)
        rest = rest.from(count)
        continue
      }
      let step = serverLine.feed(rest)
      rest = rest.from(step.count)
      guard step.isComplete else { return }
      if lostServer {
        lostServer = false
        continue
      }
      if kind == .imap, let size = Self.literal(serverLine.line) { serverBytes = size }
      if isListing {
        if serverLine.line == [0x2e] { isListing = false }
        continue
      }
      if let (outcome, code) = outcome(of: serverLine.line) { tell(outcome, code, &output) }
    }
  }

  /// What a reply line says; nil for one that is not the last of its reply, or none at all.
  private func outcome(of line: [UInt8]) -> (ServerReply.Outcome, Int)? {
    switch kind {
    case .pop:
      if line.begins("+ok") { return (.positive, 0) }
      if line.begins("-err") { return (.negative, 0) }
      return line.begins("+ ") ? (.intermediate, 0) : nil
    case .imap:
      if line.first == 0x2b { return (.intermediate, 0) }
      if line.first == 0x2a, hasGreeted { return nil }
      let word = line.drop { !$0.isBlank }.drop { $0.isBlank }.prefix { !$0.isBlank }
      if word.matches("ok") || word.matches("preauth") { return (.positive, 0) }
      return word.matches("no") || word.matches("bad") || word.matches("bye") ? (.negative, 0) : nil
    default:
      guard line.count >= 3, let code = line[0..<3].number else { return nil }
      if line.count > 3, line[3] == 0x2d { return nil }
      switch code / 100 {
      case 2: return (.positive, Int(code))
      case 1, 3: return (.intermediate, Int(code))
      default: return (.negative, Int(code))
      }
    }
  }

  private func tell(
    _ outcome: ServerReply.Outcome, _ code: Int, _ output: inout SessionOutput
  ) {
    var reply = ServerReply()
    reply.outcome = outcome
    reply.code = code
    reply.text = Array(serverLine.line.prefix(ServerReply.textLimit))
    if kind == .smtp { reply.isForeseen = isForeseen(code) }
    if hasGreeted || !awaited.isEmpty && kind == .imap {
      // FTP's 1xx comes before the reply proper.
      let isPreliminary = kind == .ftp && code / 100 == 1
      if let first = awaited.first {
        reply.verb = first.verb
        reply.user = first.user
        reply.endsLogin = first.endsLogin && outcome != .intermediate
        reply.secret = reply.endsLogin ? first.secret : 0
        if !isPreliminary { awaited.removeFirst() }
      }
      follow(reply)
    }
    hasGreeted = true
    messages += 1
    switch kind {
    case .smtp: output.tell(.smtpReply(reply))
    case .ftp: output.tell(.ftpReply(reply))
    case .pop: output.tell(.popReply(reply))
    default: output.tell(.imapReply(reply))
    }
  }

  /// Whether the client went on to an envelope without what the server is saying now.
  private func isForeseen(_ code: Int) -> Bool {
    let ahead: ArraySlice<Awaited>
    if !hasGreeted {
      guard code == 220 else { return false }
      ahead = awaited[...]
    } else {
      guard let first = awaited.first, first.verb == "EHLO" || first.verb == "HELO" else {
        return false
      }
      ahead = awaited.dropFirst()
    }
    return !hasLostReplies && ahead.contains { ["MAIL", "RCPT", "DATA"].contains($0.verb) }
  }

  /// What a reply means for what comes next.
  private func follow(_ reply: ServerReply) {
    switch (reply.verb, reply.outcome) {
    case ("DATA", .intermediate): phase = .mail
    case ("STARTTLS", .positive), ("STLS", .positive): isOpaque = true
    case ("AUTH", .positive) where kind == .ftp && reply.code == 234: isOpaque = true
    case ("AUTH", .intermediate), ("AUTHENTICATE", .intermediate): phase = .challenge
    case ("RETR", .positive), ("TOP", .positive), ("CAPA", .positive), ("LIST", .positive),
      ("UIDL", .positive):
      isListing = kind == .pop
    default: break
    }
  }

  private func tell(_ command: ClientCommand, _ output: inout SessionOutput) {
    messages += 1
    switch kind {
    case .smtp: output.tell(.smtp(command))
    case .ftp: output.tell(.ftp(command))
    case .pop: output.tell(.pop(command))
    default: output.tell(.imap(command))
    }
  }

  /// The size at the end of a line, `{n}` or `{n+}` (RFC 9051, 4.3).
  private static func literal(_ line: [UInt8]) -> UInt64? {
    guard line.last == 0x7d, let open = line.lastIndex(of: 0x7b) else { return nil }
    return line[(open + 1)..<(line.count - 1)].prefix { $0.isDigit }.number
  }
}
