/// Services that ask who is there before they give anything: databases, desktops, directories.
extension ContentRules {
  /// What the first bytes of one side show beyond doubt; nil where they show none of these.
  static func keeper(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, port: UInt16
  ) -> SessionProtocol? {
    if bytes.count < 8 { return inlineRedis(bytes, direction, port: port) ? .redis : nil }
    return direction == .out ? asking(bytes, port: port) : greeting(bytes)
  }

  /// Whether more bytes could show one of these.
  static func mayBeKeeper(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, port: UInt16
  ) -> Bool {
    let count = bytes.count
    guard direction == .out else {
      guard count < 8 else { return false }
      let isZero = (1..<4).allSatisfy { $0 >= count || bytes[$0] == 0 }
      if isZero, count < 5 || bytes[4] == 10 { return true }
      let version: StaticString = "RFB 003."
      return (0..<count).allSatisfy { bytes[$0] == version.utf8Start[$0] }
    }
    if count < 9, bytes[0] == 0x12 { return true }
    if count < 8, bytes[0] == 0x30 || bytes[0] == 0x2a || port == 1433 { return true }
    guard count < 16 else { return false }
    guard count >= 4 else { return port == 27_017 }
    return bytes[2] == 0 && bytes[3] == 0 && (8..<12).allSatisfy { $0 >= count || bytes[$0] == 0 }
  }

  private static func greeting(_ bytes: UnsafeRawBufferPointer) -> SessionProtocol? {
    if bytes.starts(with: "RFB 003.") { return .vnc }
    // A packet of less than 256 bytes, number 0, protocol 10, a version.
    let isMySQL = bytes[1] == 0 && bytes[2] == 0 && bytes[3] == 0 && bytes[4] == 10
    return isMySQL && bytes[5].isDigit ? .mysql : nil
  }

  private static func asking(_ bytes: UnsafeRawBufferPointer, port: UInt16) -> SessionProtocol? {
    if bytes[0] == 0, bytes[1] == 0 {
      let isStart = bytes[4] == 0 && bytes[5] == 3 && bytes[6] == 0 && bytes[7] == 0
      let isRequest = bytes[4] == 0x04 && bytes[5] == 0xd2 && bytes[6] == 0x16 && bytes[7] == 0x2f
      if isStart || isRequest { return .postgres }
    }
    if bytes[0] == 0x12, bytes[1] == 1, bytes.count >= 9, bytes[8] == 0 { return .tds }
    if port == 1433, bytes[0] == 0x10 || bytes[0] == 0x02, bytes[1] <= 1 { return .tds }
    if bytes.count >= 16, bytes[3] == 0, bytes[8] == 0, bytes[9] == 0, bytes[10] == 0,
      bytes[11] == 0, bytes[13] == 7, bytes[14] == 0, bytes[15] == 0,
      bytes[12] == 0xdd || bytes[12] == 0xd4
    {
      return .mongodb
    }
    if isLDAP(bytes) { return .ldap }
    if bytes[0] == 0x2a, bytes[1].isDigit, bytes.first(8).contains(0x24) { return .redis }
    return inlineRedis(bytes, .out, port: port) ? .redis : nil
  }

  /// A sequence that begins with a small number and a bind (RFC 4511, 4.2).
  private static func isLDAP(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes[0] == 0x30 else { return false }
    let start = bytes[1] & 0x80 == 0 ? 2 : 2 + Int(bytes[1] & 0x7f)
    guard start + 4 <= bytes.count, bytes[start] == 2, bytes[start + 1] <= 4 else { return false }
    let operation = start + 2 + Int(bytes[start + 1])
    return operation < bytes.count && bytes[operation] == 0x60
  }

  /// Commands in plain words, at the customary port only.
  private static func inlineRedis(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, port: UInt16
  ) -> Bool {
    direction == .out && port == 6379 && bytes.first.map { $0.isLetter || $0 == 0x2a } == true
  }
}
