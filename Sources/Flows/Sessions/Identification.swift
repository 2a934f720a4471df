/// Finds out by content what a conversation speaks; ports only decide between protocols that greet
/// alike.
final class Identification: SessionParser {
  enum Verdict: Equatable {
    case known(SessionProtocol)
    /// More bytes could tell.
    case undecided
    case unknown
  }

  /// Bytes of one direction that may pass undecided.
  static let byteLimit = 512

  private let port: UInt16
  @exclusivity(unchecked) private var bytes: [[UInt8]] = [[], []]
  /// Who said how much, in turns.
  @exclusivity(unchecked) private var turns: [(direction: FlowDirection, count: Int)] = []
  /// Who takes over, and whether it wants to go on.
  private(set) var successor: (parser: SessionParser, wantsMore: Bool)?

  /// - Parameter port: the responder's.
  init(port: UInt16) {
    self.port = port
    super.init(.unknown)
  }

  override var held: Int { bytes[0].count + bytes[1].count }

  override func feed(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    if turns.isEmpty {
      // Most often the first bytes tell.
      let verdict = ContentRules.judge(bytes, direction, port: port)
      if verdict != .undecided || bytes.count >= Self.byteLimit {
        let parser = Self.parser(verdict)
        successor = (parser, parser.feed(bytes, direction, &output))
        return false
      }
    }
    self.bytes[direction.index].append(contentsOf: bytes)
    if let last = turns.last, last.direction == direction {
      turns[turns.count - 1].count += bytes.count
    } else {
      turns.append((direction, bytes.count))
    }
    let verdict = judge()
    guard verdict != .undecided else { return true }
    replay(to: Self.parser(verdict), &output)
    return false
  }

  override func skip(
    _ count: UInt64, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    let parser = PayloadSampler()
    replay(to: parser, &output)
    if successor?.wantsMore == true {
      successor?.wantsMore = parser.skip(count, direction, &output)
    }
    return false
  }

  override func finish(_ output: inout SessionOutput) {
    guard !turns.isEmpty else { return }
    replay(to: PayloadSampler(), &output)
    successor?.parser.finish(&output)
  }

  /// What both sides said so far; the one who spoke first is heard first.
  private func judge() -> Verdict {
    guard let first = turns.first?.direction else { return .undecided }
    var result = Verdict.unknown
    for direction in [first, first.other] where !bytes[direction.index].isEmpty {
      let verdict = bytes[direction.index].withUnsafeBytes {
        ContentRules.judge($0, direction, port: port)
      }
      if case .known = verdict { return verdict }
      // A side that was answered has said what it had to say, but for a greeting.
      let isLast = turns.last?.direction == direction
      if verdict == .undecided, isLast, bytes[direction.index].count < Self.byteLimit {
        result = .undecided
      }
    }
    return result
  }

  private func replay(to parser: SessionParser, _ output: inout SessionOutput) {
    var at = [0, 0]
    var wantsMore = true
    for turn in turns where wantsMore {
      let index = turn.direction.index
      wantsMore = bytes[index].withUnsafeBytes {
        parser.feed($0.from(at[index]).first(turn.count), turn.direction, &output)
      }
      at[index] += turn.count
    }
    successor = (parser, wantsMore)
    bytes = [[], []]
    turns = []
  }

  private static func parser(_ verdict: Verdict) -> SessionParser {
    guard case .known(let kind) = verdict else { return PayloadSampler() }
    switch kind {
    case .http: return HTTPParser()
    case .tls: return TLSParser()
    case .ssh: return SSHParser()
    case .dns: return DNSStreamParser()
    case .smtp, .ftp, .pop, .imap: return CommandParser(kind)
    case .telnet: return TelnetParser()
    case .smb: return SMBParser()
    case .rdp: return RDPParser()
    case .http2: return QuietParser(kind)
    case .mysql: return MySQLParser()
    case .postgres: return PostgresParser()
    case .tds: return TDSParser()
    case .mongodb: return MongoParser()
    case .redis: return RedisParser()
    case .vnc: return VNCParser()
    case .ldap: return LDAPParser()
    default: return PayloadSampler()
    }
  }
}

/// A protocol that is recognised and then left alone.
final class QuietParser: SessionParser {}
