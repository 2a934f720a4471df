/// Conversations with services that keep data, up to the end of a login; an empty turn in front lets
/// the server begin.
enum FuzzKeepers {
  private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }
  private static func zeros(_ count: Int) -> [UInt8] { Array(repeating: 0, count: count) }

  private static func packet(_ number: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [UInt8(payload.count), 0, 0, number] + payload
  }

  static let mysql: [[UInt8]] = [
    [], packet(0, [10] + text("8.0.1\0") + [1, 0, 0, 0] + zeros(50)),
    packet(1, [0x85, 0xa2, 0, 0, 0, 0, 0, 1, 33] + zeros(23) + text("bob\0") + [20] + zeros(20)),
    packet(2, [0xff, 0x15, 0x04] + text("#28000Access denied")),
  ]

  static let postgres: [[UInt8]] = [
    [0, 0, 0, 18, 0, 3, 0, 0] + text("user\0bob\0\0"),
    [0x52, 0, 0, 0, 12, 0, 0, 0, 5, 1, 2, 3, 4], [0x70, 0, 0, 0, 11] + text("md5abc\0"),
    [0x45, 0, 0, 0, 23] + text("SFATAL\0C28P01\0Mno\0\0"),
  ]

  static let tds: [[UInt8]] = {
    let login = zeros(40) + [46, 0, 2, 0, 0, 0] + [0x73, 0, 0x61, 0]
    let error: [UInt8] = [0xaa, 8, 0, 0x18, 0x48, 0, 0, 1, 14, 0, 0]
    return [
      [0x12, 1, 0, 20, 0, 0, 1, 0] + zeros(12), [4, 1, 0, 14, 0, 0, 1, 0, 0xff, 1, 2, 3, 4, 5],
      [0x10, 1, 0, UInt8(8 + login.count), 0, 0, 1, 0] + login,
      [4, 1, 0, UInt8(8 + error.count), 0, 0, 1, 0] + error,
    ]
  }()

  static let mongodb: [[UInt8]] = {
    func message(_ answer: UInt8, _ body: [UInt8]) -> [UInt8] {
      [UInt8(16 + body.count), 0, 0, 0, 1, 0, 0, 0, answer, 0, 0, 0, 0xdd, 7, 0, 0] + body
    }
    return [
      message(0, text("\0\0saslStart\0")), message(1, [0x10] + text("code\0") + [18, 0, 0, 0]),
    ]
  }()

  static let vnc: [[UInt8]] = {
    let proof = (0..<16).map { UInt8($0) }
    return [
      [], text("RFB 003.008\n"), text("RFB 003.008\n"), [1, 2], [2], proof, proof, [0, 0, 0, 1],
    ]
  }()

  static let redis: [[UInt8]] = [
    text("*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n"), text("-WRONGPASS invalid\r\n"),
    text("*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$5\r\nright\r\n"), text("+OK\r\n"),
  ]

  static let ldap: [[UInt8]] = [
    [0x30, 16, 2, 1, 1, 0x60, 11, 2, 1, 3, 4, 2, 0x63, 0x6e, 0x80, 2, 0x70, 0x77],
    [0x30, 12, 2, 1, 1, 0x61, 7, 0x0a, 1, 49, 4, 0, 4, 0],
  ]
}
