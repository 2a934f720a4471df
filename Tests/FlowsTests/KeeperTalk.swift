import Testing

@testable import Flows

/// Refused logins to services of binary protocols, made by hand from their specifications.
enum KeeperTalk {
  typealias Turn = (isFromClient: Bool, bytes: [UInt8])

  static func turns(_ service: String) -> [Turn] {
    switch service {
    case "mysql": mysql
    case "postgres": postgres
    case "tds": tds
    case "mongodb": mongodb
    case "vnc": vnc
    case "redis": redis
    default: ldap
    }
  }

  private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }
  private static func zeros(_ count: Int) -> [UInt8] { Array(repeating: 0, count: count) }

  private static func packet(_ number: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [UInt8(payload.count), 0, 0, number] + payload
  }

  private static var mysql: [Turn] {
    [
      (false, packet(0, [10] + text("8.0.1\0") + [1, 0, 0, 0] + zeros(50))),
      (
        true,
        packet(
          1, [0x85, 0xa2, 0, 0, 0, 0, 0, 1, 33] + zeros(23) + text("bob\0") + [20] + zeros(20))
      ),
      (false, packet(2, [0xff, 0x15, 0x04] + text("#28000Access denied"))),
    ]
  }

  private static var postgres: [Turn] {
    [
      (true, [0, 0, 0, 18, 0, 3, 0, 0] + text("user\0bob\0\0")),
      (false, [0x52, 0, 0, 0, 12, 0, 0, 0, 5, 1, 2, 3, 4]),
      (true, [0x70, 0, 0, 0, 11] + text("md5abc\0")),
      (false, [0x45, 0, 0, 0, 23] + text("SFATAL\0C28P01\0Mno\0\0")),
    ]
  }

  private static var tds: [Turn] {
    let login = zeros(40) + [46, 0, 2, 0, 0, 0] + [0x73, 0, 0x61, 0]
    let error: [UInt8] = [0xaa, 8, 0, 0x18, 0x48, 0, 0, 1, 14, 0, 0]
    return [
      (true, [0x12, 1, 0, 20, 0, 0, 1, 0] + zeros(12)),
      (false, [4, 1, 0, 14, 0, 0, 1, 0, 0xff, 1, 2, 3, 4, 5]),
      (true, [0x10, 1, 0, UInt8(8 + login.count), 0, 0, 1, 0] + login),
      (false, [4, 1, 0, UInt8(8 + error.count), 0, 0, 1, 0] + error),
    ]
  }

  private static var mongodb: [Turn] {
    func message(_ answer: UInt8, _ body: [UInt8]) -> [UInt8] {
      [UInt8(16 + body.count), 0, 0, 0, 1, 0, 0, 0, answer, 0, 0, 0, 0xdd, 7, 0, 0] + body
    }
    return [
      (true, message(0, text("\0\0saslStart\0"))),
      (false, message(1, [0x10] + text("code\0") + [18, 0, 0, 0])),
    ]
  }

  private static var vnc: [Turn] {
    let proof = (0..<16).map { UInt8($0) }
    return [
      (false, text("RFB 003.008\n")), (true, text("RFB 003.008\n")), (false, [1, 2]), (true, [2]),
      (false, proof), (true, proof), (false, [0, 0, 0, 1]),
    ]
  }

  private static var redis: [Turn] {
    [
      (true, text("*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n")),
      (false, text("-WRONGPASS invalid username-password pair\r\n")),
      (true, text("*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$5\r\nright\r\n")),
      (false, text("+OK\r\n")),
    ]
  }

  private static var ldap: [Turn] {
    [
      (true, [0x30, 16, 2, 1, 1, 0x60, 11, 2, 1, 3, 4, 2, 0x63, 0x6e, 0x80, 2, 0x70, 0x77]),
      (false, [0x30, 12, 2, 1, 1, 0x61, 7, 0x0a, 1, 49, 4, 0, 4, 0]),
    ]
  }
}

struct KeeperTests {
  @Test(arguments: [
    ("mysql", ["mysql bob refused"]), ("postgres", ["postgres bob refused"]),
    ("tds", ["tds sa refused"]), ("mongodb", ["mongodb  refused"]), ("vnc", ["vnc  refused"]),
    ("ldap", ["ldap cn refused"]), ("redis", ["redis  refused", "redis bob accepted"]),
  ])
  func loginsEndAsTheKeeperAnswers(service: String, expected: [String]) {
    var talk = Talk("10.0.0.1:40000", "10.0.0.2:7777")
    for turn in KeeperTalk.turns(service) {
      if turn.isFromClient { talk.ask(turn.bytes) } else { talk.answer(turn.bytes) }
    }
    let outcomes = talk.events().compactMap { event -> String? in
      guard case .login(let attempt) = event.what else { return nil }
      let user = String(decoding: attempt.user, as: UTF8.self)
      return "\(attempt.service) \(user) \(attempt.outcome)"
    }
    #expect(outcomes == expected)
  }
}
