/// VNC (RFC 6143): which security the desktop has, and how its challenge ends.
final class VNCParser: MessageParser {
  private enum Phase { case version, types, choice, challenge, result }

  private static let none: UInt8 = 1
  private static let challengeResponse: UInt8 = 2

  @exclusivity(unchecked) private var phase = Phase.version
  /// The client's minor version, which decides the form of what follows.
  @exclusivity(unchecked) private var minor = 0
  @exclusivity(unchecked) private var choice: UInt8 = 0

  init() { super.init(.vnc) }

  override func length(_ bytes: [UInt8], _ direction: FlowDirection) -> Int? {
    if phase == .version { return 12 }
    if direction == .out { return phase == .choice ? 1 : phase == .result ? 16 : bytes.count }
    switch phase {
    case .types: return minor < 7 ? 4 : 1 + Int(bytes[0])
    case .challenge: return 16
    default: return 4
    }
  }

  override func take(
    _ message: [UInt8], _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    switch (phase, direction) {
    case (.version, .back): return message.starts(with: Array("RFB 003.".utf8))
    case (.version, .out):
      minor = Int(message[8..<11].number ?? 0)
      phase = .types
      return message.starts(with: Array("RFB 003.".utf8))
    case (.types, .back):
      guard minor < 7 else {
        phase = .choice
        return message.count > 1
      }
      return choose(UInt8(truncatingIfNeeded: message.big(0)), &output)
    case (.choice, .out): return choose(message[0], &output)
    case (.challenge, .back):
      phase = .result
      return true
    case (.result, .out): return true
    case (.result, .back):
      tell(message.big(0) == 0 ? .accepted : .refused, &output)
      return false
    default: return false
    }
  }

  private func choose(_ kind: UInt8, _ output: inout SessionOutput) -> Bool {
    choice = kind
    phase = .challenge
    if kind == Self.none { tell(.notAsked, &output) }
    return kind == Self.challengeResponse
  }
}

/// LDAP over TCP (RFC 4511): simple binds by name, and their results.
final class LDAPParser: MessageParser {
  private static let bindRequest: UInt8 = 0x60
  private static let bindResponse: UInt8 = 0x61
  private static let invalidCredentials = 49

  @exclusivity(unchecked) private var user: [UInt8] = []
  @exclusivity(unchecked) private var secret: UInt64 = 0

  init() { super.init(.ldap) }

  override func length(_ bytes: [UInt8], _ direction: FlowDirection) -> Int? {
    guard bytes[0] == 0x30 else { return 0 }
    guard bytes.count >= 2 else { return nil }
    guard bytes[1] & 0x80 != 0 else { return 2 + Int(bytes[1]) }
    let size = Int(bytes[1] & 0x7f)
    guard size >= 1, size <= 4 else { return 0 }
    return bytes.count < 2 + size ? nil : 2 + size + bytes.big(2, size)
  }

  override func take(
    _ message: [UInt8], _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    message.withUnsafeBytes { bytes in
      var outer = BERReader(bytes)
      guard let body = outer.next() else { return false }
      var inner = BERReader(body.contents)
      guard inner.integer() != nil, let operation = inner.next() else { return false }
      var fields = BERReader(operation.contents)
      if operation.tag == Self.bindRequest, direction == .out {
        guard fields.integer() != nil, let name = fields.next(), let proof = fields.next() else {
          return false
        }
        user = Array(name.contents)
        // Simple; SASL proves itself anew each time.
        secret = proof.tag == 0x80 && !proof.contents.isEmpty ? proof.contents.secretDigest : 0
        return true
      }
      guard operation.tag == Self.bindResponse, direction == .back else { return true }
      let result = fields.next().map { $0.contents.reduce(0) { $0 << 8 | Int($1) } }
      if result == Self.invalidCredentials {
        tell(.refused, user: user, secret: secret, &output)
      } else if result == 0, !user.isEmpty {
        tell(.accepted, user: user, secret: secret, &output)
        return false
      }
      return true
    }
  }
}
