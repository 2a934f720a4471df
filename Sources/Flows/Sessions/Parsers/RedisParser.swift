/// Redis (RESP 2 and 3, and inline commands): AUTH and its answer, or that none is asked for.
final class RedisParser: MessageParser {
  /// Commands that any client may send before it has said who it is.
  private static let free: Set<String> = ["QUIT", "RESET", "HELLO", "AUTH"]

  private struct Command {
    var verb = ""
    var user: [UInt8] = []
    var secret: UInt64 = 0
    var isLogin = false
  }

  /// The newest command, until its answer begins.
  @exclusivity(unchecked) private var awaited: Command?

  init() { super.init(.redis) }

  override func length(_ bytes: [UInt8], _ direction: FlowDirection) -> Int? {
    guard direction == .out, bytes.first == 0x2a else { return Self.line(bytes, 0) }
    var words: [[UInt8]] = []
    return Self.read(bytes, into: &words)
  }

  override func take(
    _ message: [UInt8], _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    if direction == .out {
      var words: [[UInt8]] = []
      if message.first == 0x2a {
        _ = Self.read(message, into: &words)
      } else {
        words = message.split { $0 <= 0x20 }.map(Array.init)
      }
      note(words)
      return true
    }
    guard let command = awaited else { return true }
    awaited = nil
    let isRefusal = message.first == 0x2d
    if command.isLogin {
      // No password is set, or the command is malformed: no login failed.
      let isLogin = !isRefusal || message.mentions("wrongpass") || message.mentions("invalid")
      guard isLogin else { return true }
      tell(
        isRefusal ? .refused : .accepted, user: command.user, secret: command.secret, &output)
      return isRefusal
    }
    if isRefusal || Self.free.contains(command.verb) { return !message.mentions("max number") }
    tell(.notAsked, &output)
    return false
  }

  private func note(_ words: [[UInt8]]) {
    guard let first = words.first else { return }
    var command = Command(verb: first.verb)
    if command.verb == "AUTH", words.count >= 2 {
      command.isLogin = true
      command.secret = words[words.count - 1].secretDigest
      command.user = words.count >= 3 ? words[1] : []
    } else if command.verb == "HELLO", words.count >= 5, words[2].verb == "AUTH" {
      command.isLogin = true
      command.user = words[3]
      command.secret = words[4].secretDigest
    }
    awaited = command
  }

  /// Bytes of the line that begins at `start`, its end included; nil without an end.
  private static func line(_ bytes: [UInt8], _ start: Int) -> Int? {
    bytes[start...].firstIndex(of: 0x0a).map { $0 + 1 - start }
  }

  /// An array of bulk strings: its bytes, nil while it is not complete, 0 where it is none.
  private static func read(_ bytes: [UInt8], into words: inout [[UInt8]]) -> Int? {
    guard let head = line(bytes, 0) else { return bytes.count > 16 ? 0 : nil }
    guard let count = bytes[1..<head].prefix(while: \.isDigit).number, count <= 64 else { return 0 }
    var at = head
    for _ in 0..<count {
      guard at < bytes.count else { return nil }
      guard bytes[at] == 0x24 else { return 0 }
      guard let size = line(bytes, at) else { return nil }
      guard let length = bytes[(at + 1)..<(at + size)].prefix(while: \.isDigit).number,
        length <= UInt64(MessageParser.messageLimit)
      else { return 0 }
      at += size
      guard at + Int(length) + 2 <= bytes.count else { return nil }
      words.append(Array(bytes[at..<(at + Int(length))]))
      at += Int(length) + 2
    }
    return at
  }
}
