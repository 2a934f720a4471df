/// SMB 1 and 2 over TCP (MS-SMB, MS-SMB2): commands with their status, shares and users.
final class SMBParser: SessionParser {
  /// Bytes kept of a message: headers, and the parts that are read.
  private static let messageLimit = 1024
  private static let eventLimit = 1024
  private static let nameLimit = 256

  private struct Side {
    var header: [UInt8] = []
    var left = 0
    var message: [UInt8] = []
  }

  @exclusivity(unchecked) private var sides = [Side(), Side()]
  @exclusivity(unchecked) private var events = 0
  /// Of the newest requests.
  @exclusivity(unchecked) private var user: [UInt8] = []
  @exclusivity(unchecked) private var share: [UInt8] = []

  init() { super.init(.smb) }

  override var held: Int { sides[0].message.count + sides[1].message.count }

  override func feed(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    let index = direction.index
    var rest = bytes
    while !rest.isEmpty {
      if sides[index].left == 0 {
        sides[index].header.append(rest[0])
        rest = rest.from(1)
        guard sides[index].header.count == 4 else { continue }
        let header = sides[index].header
        sides[index].header = []
        sides[index].left = Int(header[1]) << 16 | Int(header[2]) << 8 | Int(header[3])
        sides[index].message = []
        continue
      }
      let part = rest.first(sides[index].left)
      sides[index].left -= part.count
      rest = rest.from(part.count)
      let room = Self.messageLimit - sides[index].message.count
      sides[index].message.append(contentsOf: part.first(max(room, 0)))
      guard sides[index].left == 0 else { continue }
      sides[index].message.withUnsafeBytes { read($0, &output) }
      sides[index].message = []
      if events >= Self.eventLimit { return false }
    }
    return true
  }

  private func read(_ bytes: UnsafeRawBufferPointer, _ output: inout SessionOutput) {
    guard bytes.count >= 32, bytes[1] == 0x53, bytes[2] == 0x4d, bytes[3] == 0x42 else { return }
    var message = SMBMessage()
    switch bytes[0] {
    case 0xff: Self.readVersion1(bytes, into: &message)
    case 0xfe where bytes.count >= 64: Self.readVersion2(bytes, into: &message)
    default: return
    }
    // Reads and writes are many and say nothing here.
    let isBulk =
      message.version == 2
      ? message.command == 8 || message.command == 9
      : message.command == 0x2e || message.command == 0x2f
    guard !isBulk else { return }
    events += 1
    if !message.isResponse {
      if message.command == (message.version == 2 ? 1 : 0x73) { user = message.user }
      if !message.share.isEmpty { share = message.share }
    } else if message.command == (message.version == 2 ? 3 : 0x75) {
      message.share = share
    }
    output.tell(.smb(message))
    judgeLogin(message, bytes, &output)
  }

  /// NTSTATUS of a wrong name or password, and of accounts that are locked, disabled or expired.
  private static let refusals: Set<UInt32> = [
    0xc000_006d, 0xc000_006a, 0xc000_0064, 0xc000_006e, 0xc000_006f, 0xc000_0070, 0xc000_0071,
    0xc000_0072, 0xc000_0193, 0xc000_0224, 0xc000_0234,
  ]

  private func judgeLogin(
    _ message: SMBMessage, _ bytes: UnsafeRawBufferPointer, _ output: inout SessionOutput
  ) {
    let isSetup = message.command == (message.version == 2 ? 1 : 0x73)
    guard isSetup, message.isResponse, !user.isEmpty else { return }
    if Self.refusals.contains(message.status) {
      output.tell(.login(LoginAttempt(.smb, .refused, user: user)))
    } else if message.status == 0 {
      // A guest: whoever has no account comes in all the same.
      let flags = Self.little(bytes, at: message.version == 2 ? 66 : 37)
      output.tell(.login(LoginAttempt(.smb, flags & 1 == 0 ? .accepted : .notAsked, user: user)))
    }
  }

  private static func readVersion1(
    _ bytes: UnsafeRawBufferPointer, into message: inout SMBMessage
  ) {
    message.version = 1
    message.command = UInt16(bytes[4])
    message.status = little(bytes, at: 5)
    message.isResponse = bytes[9] & 0x80 != 0
    if message.command == 0x75, !message.isResponse { message.share = share(bytes.from(32)) }
    if message.command == 0x73 {
      message.user = user(bytes)
      // Thirteen words: set-up without NTLMSSP (MS-CIFS 2.2.4.53.1).
      if message.user.isEmpty, !message.isResponse, bytes[32] == 13 {
        let hashes = Int(little(bytes, at: 47) & 0xffff) + Int(little(bytes, at: 47) >> 16)
        message.user = account(bytes.from(61 + hashes))
      }
    }
    if message.command == 0xa2, !message.isResponse { message.file = narrow(bytes.from(83)) }
  }

  private static func readVersion2(
    _ bytes: UnsafeRawBufferPointer, into message: inout SMBMessage
  ) {
    message.version = 2
    message.command = UInt16(truncatingIfNeeded: little(bytes, at: 12))
    message.status = little(bytes, at: 8)
    message.isResponse = bytes[16] & 1 != 0
    guard !message.isResponse else { return }
    if message.command == 3, bytes.count >= 72 {
      let offset = Int(little(bytes, at: 68) & 0xffff)
      let length = Int(little(bytes, at: 68) >> 16)
      message.share = narrow(bytes.from(offset).first(min(length, 2 * nameLimit)))
    }
    if message.command == 1 { message.user = user(bytes) }
    if message.command == 5, bytes.count >= 112 {
      let offset = Int(little(bytes, at: 108) & 0xffff)
      let length = Int(little(bytes, at: 108) >> 16)
      message.file = narrow(bytes.from(offset).first(min(length, 2 * nameLimit)))
    }
  }

  /// The path in a tree connect of SMB 1: what begins with two backslashes.
  private static func share(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    let text = narrow(bytes)
    for at in text.indices.dropLast() where text[at] == 0x5c && text[at + 1] == 0x5c {
      return Array(text[at...].prefix { $0 != 0 && $0 != 0x3f }.prefix(nameLimit))
    }
    return []
  }

  /// A name in UTF-16 or bytes, up to its zero.
  private static func account(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    let text = bytes.first(2 * nameLimit).drop { $0 == 0 }
    let start = text.startIndex
    guard text.count >= 2, text[start + 1] == 0 else { return Array(text.prefix { $0 != 0 }) }
    var name: [UInt8] = []
    for place in stride(from: start, to: text.endIndex - 1, by: 2) {
      guard text[place] != 0 else { break }
      name.append(text[place])
    }
    return name
  }

  /// The user's name in an NTLMSSP AUTHENTICATE message (MS-NLMP 2.2.1.3).
  private static func user(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var start = 0
    while start + 44 <= bytes.count {
      let message = bytes.from(start)
      if message.starts(with: "NTLMSSP"), little(message, at: 8) == 3 {
        let length = Int(little(message, at: 36) & 0xffff)
        let offset = Int(little(message, at: 40) & 0xffff)
        return narrow(message.from(offset).first(min(length, 2 * nameLimit)))
      }
      start += 1
    }
    return []
  }

  /// UTF-16 as the low bytes of plain characters; bytes without zeros as they are.
  private static func narrow(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    Array(bytes.filter { $0 != 0 }.prefix(nameLimit))
  }

  private static func little(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt32 {
    guard offset + 4 <= bytes.count else { return 0 }
    return (0..<4).reversed().reduce(0) { $0 << 8 | UInt32(bytes[offset + $1]) }
  }
}
