import Analysis
import Flows
import Terms

/// A DNS message with its sides put right: who asks, and who answers.
struct DNSTurn {
  /// The port of unicast DNS; multicast and link-local name resolution know no servers.
  static let port: UInt16 = 53

  let asker: IPAddress
  let answerer: IPAddress
  let askerPort: UInt16
  let answererPort: UInt16

  init(_ event: SessionEvent, _ message: DNSMessage) {
    let isFromClient = event.isFromClient
    let isForward = isFromClient != message.isResponse
    asker = isForward ? event.client : event.server
    answerer = isForward ? event.server : event.client
    askerPort = isForward ? event.clientPort : event.serverPort
    answererPort = isForward ? event.serverPort : event.clientPort
  }

  /// Whether a name server is asked, or answers.
  var isUnicast: Bool { answererPort == Self.port && !answerer.isMulticast }

  /// One number for a question, whoever asks it. Resolvers may shuffle the case of letters.
  static func question(_ name: String, type: UInt16) -> UInt64 {
    hash(name.utf8) &+ UInt64(type) &* 0x9e37_79b9_7f4a_7c15
  }

  /// FNV-1a over the bytes in lower case, mixed; the same in every run.
  static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes {
      let lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
      hash = (hash ^ UInt64(lower)) &* 0x0100_0000_01b3
    }
    return TableKey(IPAddress(high: hash, low: hash &+ 1)).hash
  }
}

/// Questions that name servers were asked of late: who passes one on is no attacker.
struct PassedQuestions: Sendable {
  /// Questions remembered at once, and how long a name server may take to pass one on.
  static let capacity = 4096
  static let span = TimeSpan.minutes(2)

  private var memory = ContactMemory(capacity: PassedQuestions.capacity, span: PassedQuestions.span)

  /// Notes that the question is asked; whether the asker was asked it before by somebody else.
  mutating func isPassedOn(_ message: DNSMessage, _ turn: DNSTurn, at now: CaptureTime) -> Bool {
    let question = DNSTurn.question(message.name, type: message.queryType)
    let isPassed = memory.contains(hash(turn.asker, question), asOf: now)
    if !isPassed { _ = memory.insert(hash(turn.answerer, question), at: now) }
    return isPassed
  }

  private func hash(_ host: IPAddress, _ question: UInt64) -> UInt64 {
    max(TableKey(host, detail: question).hash, 1)
  }
}
