/// How the protocols begin.
enum ContentRules {
  private enum Fit {
    case yes, no
    /// The bytes so far fit.
    case perhaps
  }

  private static let methods: Set<String> = [
    "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "PROPFIND",
    "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "SUBSCRIBE",
    "UNSUBSCRIBE", "NOTIFY", "TRACK", "DEBUG", "INDEX", "RPC_IN_DATA", "RPC_OUT_DATA",
  ]
  private static let mailPorts: Set<UInt16> = [25, 587, 2525]
  private static let filePorts: Set<UInt16> = [21, 2121]

  /// - Parameters:
  ///   - bytes: what one side said first, as far as it came.
  ///   - port: the responder's.
  static func judge(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, port: UInt16
  ) -> Identification.Verdict {
    guard let first = bytes.first else { return .undecided }
    if let kind = keeper(bytes, direction, port: port) { return .known(kind) }
    let verdict =
      first < 0x20 || first >= 0x7f
      ? judgeBinary(bytes, direction, port: port)
      : direction == .out ? judgeRequest(bytes, port: port) : judgeGreeting(bytes, port: port)
    return verdict == .unknown && mayBeKeeper(bytes, direction, port: port) ? .undecided : verdict
  }

  private static func fits(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Fit {
    let count = min(bytes.count, text.utf8CodeUnitCount)
    for place in 0..<count where bytes[place] != text.utf8Start[place] { return .no }
    return count == text.utf8CodeUnitCount ? .yes : .perhaps
  }

  /// The first rule that fits or may fit.
  private static func first(
    _ bytes: UnsafeRawBufferPointer, of rules: [(StaticString, SessionProtocol)]
  ) -> Identification.Verdict? {
    for (text, kind) in rules {
      switch fits(bytes, text) {
      case .yes: return .known(kind)
      case .perhaps: return .undecided
      case .no: continue
      }
    }
    return nil
  }

  private static func judgeRequest(
    _ bytes: UnsafeRawBufferPointer, port: UInt16
  ) -> Identification.Verdict {
    if bytes[0] == 0x53, let verdict = first(bytes, of: [("SSH-", .ssh)]) { return verdict }
    if bytes[0] == 0x50, let verdict = first(bytes, of: [("PRI * HTTP/2", .http2)]),
      verdict != .undecided || bytes.count > 1
    {
      return verdict
    }
    let word = bytes.prefix { $0.isLetter || $0 == 0x5f || $0 == 0x2d }.prefix(17)
    guard word.count < 17, word.count > 0 else { return byPort(port, isCommand: false) }
    guard word.count < bytes.count else { return .undecided }
    let verb = Array(word).verb
    let isLoud = word.allSatisfy { $0.raised == $0 }
    if bytes[word.count] == 0x20, isLoud {
      if methods.contains(verb) { return .known(.http) }
      guard word.count + 1 < bytes.count else { return .undecided }
      if bytes[word.count + 1] == 0x2f { return .known(.http) }
    }
    switch verb {
    case "EHLO", "HELO", "MAIL", "RCPT", "VRFY", "EXPN": return .known(.smtp)
    case "USER" where port == 110: return .known(.pop)
    case "USER", "FEAT", "SYST", "PASV", "EPSV": return .known(.ftp)
    default:
      // A verb has a blank or the line's end behind it; what else begins with a letter is a file.
      let next = bytes[word.count]
      return byPort(
        port, isCommand: word.count >= 3 && (next == 0x20 || next == 0x0d || next == 0x0a))
    }
  }

  /// Commands that nothing else tells apart.
  private static func byPort(_ port: UInt16, isCommand: Bool) -> Identification.Verdict {
    if isCommand, mailPorts.contains(port) { return .known(.smtp) }
    if isCommand, filePorts.contains(port) { return .known(.ftp) }
    switch port {
    case 110: return .known(.pop)
    case 143: return .known(.imap)
    case 23: return .known(.telnet)
    default: return .unknown
    }
  }

  private static func judgeGreeting(
    _ bytes: UnsafeRawBufferPointer, port: UInt16
  ) -> Identification.Verdict {
    let rules: [(StaticString, SessionProtocol)] = [
      ("SSH-", .ssh), ("HTTP/1.", .http), ("+OK", .pop), ("* OK", .imap), ("* PREAUTH", .imap),
    ]
    if let verdict = first(bytes, of: rules) { return verdict }
    guard bytes[0].isDigit else { return port == 23 ? .known(.telnet) : .unknown }
    guard bytes.count >= 4 else { return .undecided }
    guard bytes[1].isDigit, bytes[2].isDigit, bytes[3] == 0x20 || bytes[3] == 0x2d else {
      return .unknown
    }
    if mailPorts.contains(port) { return .known(.smtp) }
    if filePorts.contains(port) { return .known(.ftp) }
    guard let end = bytes.firstIndex(of: 0x0a) else { return .undecided }
    let line = bytes[..<end]
    if line.mentions("smtp") { return .known(.smtp) }
    return line.mentions("ftp") ? .known(.ftp) : .undecided
  }

  private static func judgeBinary(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, port: UInt16
  ) -> Identification.Verdict {
    switch bytes[0] {
    case 0xff: return judgeTelnet(bytes)
    case 0x16: return judgeTLS(bytes, direction)
    case 0x03: return judgeRDP(bytes, direction)
    case 0x81: return port == 139 ? .known(.smb) : .unknown
    default: break
    }
    if bytes[0] == 0 {
      guard bytes.count >= 8 else { return .undecided }
      if bytes[4] == 0xff || bytes[4] == 0xfe, bytes[5] == 0x53, bytes[6] == 0x4d,
        bytes[7] == 0x42
      {
        return .known(.smb)
      }
    }
    return judgeDNS(bytes, direction, port: port)
  }

  private static func judgeTelnet(_ bytes: UnsafeRawBufferPointer) -> Identification.Verdict {
    guard bytes.count >= 2 else { return .undecided }
    return bytes[1] >= 0xfa && bytes[1] <= 0xfe ? .known(.telnet) : .unknown
  }

  private static func judgeTLS(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection
  ) -> Identification.Verdict {
    guard bytes.count >= 6 else {
      return bytes.count >= 2 && bytes[1] != 3 ? .unknown : .undecided
    }
    let isHello = bytes[5] == 1 || bytes[5] == 2 && direction == .back
    return bytes[1] == 3 && bytes[2] <= 4 && isHello ? .known(.tls) : .unknown
  }

  /// TPKT and an X.224 connection request (RFC 1006, MS-RDPBCGR 2.2.1.1).
  private static func judgeRDP(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection
  ) -> Identification.Verdict {
    guard bytes.count >= 6 else {
      return bytes.count >= 2 && bytes[1] != 0 ? .unknown : .undecided
    }
    return bytes[1] == 0 && bytes[5] == 0xe0 && direction == .out ? .known(.rdp) : .unknown
  }

  /// A length and a header that asks something sensible (RFC 7766, 8).
  private static func judgeDNS(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, port: UInt16
  ) -> Identification.Verdict {
    if port == 53 { return .known(.dns) }
    guard bytes.count >= 14 else { return bytes[0] <= 0x02 ? .undecided : .unknown }
    let length = Int(bytes[0]) << 8 | Int(bytes[1])
    let opcode = bytes[4] >> 3 & 15
    let isQuestion = bytes[4] & 0x80 == 0 && bytes[6] == 0 && bytes[7] == 1 && bytes[8] == 0
    return direction == .out && length >= 17 && length <= 512 && opcode <= 5 && isQuestion
      && bytes[9] == 0 && bytes[10] == 0 && bytes[11] == 0 ? .known(.dns) : .unknown
  }
}
