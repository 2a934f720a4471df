/// Conversations of short messages that say their own length, read until it is clear how the login
/// ended.
///
/// A subclass says how long the message at hand is, and reads it.
class MessageParser: SessionParser {
  /// Bytes of one side's message at hand, and messages of a conversation, at most: logins are
  /// short, and what comes after them is not read.
  static let messageLimit = 4096
  static let countLimit = 64

  @exclusivity(unchecked) final private var sides: [[UInt8]] = [[], []]
  @exclusivity(unchecked) final private var count = 0

  override var held: Int { sides[0].count + sides[1].count }

  override func feed(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    let index = direction.index
    sides[index].append(contentsOf: bytes.first(Self.messageLimit - sides[index].count))
    var at = 0
    while at < sides[index].count {
      let rest = Array(sides[index][at...])
      guard let length = length(rest, direction) else { break }
      guard length > 0, length <= Self.messageLimit, count < Self.countLimit else { return false }
      guard length <= rest.count else { break }
      count += 1
      at += length
      guard take(Array(rest.prefix(length)), direction, &output) else { return false }
    }
    sides[index].removeFirst(at)
    return sides[index].count < Self.messageLimit
  }

  /// Bytes of the message that `bytes` begin with; nil while that cannot be told, 0 for what is no
  /// message.
  func length(_ bytes: [UInt8], _ direction: FlowDirection) -> Int? { 0 }

  /// Reads a message.
  ///
  /// - Returns: whether more is wanted.
  func take(
    _ message: [UInt8], _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool { false }

  final func tell(
    _ outcome: LoginAttempt.Outcome, user: [UInt8] = [], secret: UInt64 = 0,
    _ output: inout SessionOutput
  ) {
    output.tell(.login(LoginAttempt(kind, outcome, user: user, secret: secret)))
  }
}

extension [UInt8] {
  /// Up to four bytes, the first the lowest; 0 beyond the end.
  func little(_ offset: Int, _ size: Int = 4) -> Int {
    guard offset >= 0, offset + size <= count else { return 0 }
    return (0..<size).reversed().reduce(0) { $0 << 8 | Int(self[offset + $1]) }
  }

  /// Up to four bytes, the first the highest; 0 beyond the end.
  func big(_ offset: Int, _ size: Int = 4) -> Int {
    guard offset >= 0, offset + size <= count else { return 0 }
    return (0..<size).reduce(0) { $0 << 8 | Int(self[offset + $1]) }
  }

  /// The bytes from `offset` to the next zero.
  func text(_ offset: Int) -> ArraySlice<UInt8> {
    offset >= 0 && offset < count ? self[offset...].prefix { $0 != 0 } : []
  }

  /// Where `pattern` first stands.
  func place(of pattern: [UInt8]) -> Int? {
    guard !pattern.isEmpty, count >= pattern.count else { return nil }
    return (0...(count - pattern.count)).first { self[$0...].starts(with: pattern) }
  }
}
