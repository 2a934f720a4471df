/// By which content a rule is found, and where it is looked for.
extension RuleCompiler {
  mutating func index(_ rule: Rule, _ number: Int32, _ record: RuleRecord) {
    guard rule.buffers.contains(where: { !$0.buffer.isHeader }) else {
      plain.add(rule, number)
      return
    }
    if let (group, pattern) = Self.fastPattern(rule) {
      let traffic = pattern.isCommon ? bankTraffic(record) : []
      for point in Self.points(rule.buffers[group].buffer, rule, record) {
        guard point.place < PatternBanks.pointCount, !traffic.isEmpty else {
          points[point.place].rules[pattern, default: []].append(number)
          continue
        }
        for traffic in traffic {
          let key = BankKey(point: point.place, traffic: traffic)
          banks[key, default: PointDraft()].rules[pattern, default: []].append(number)
        }
      }
      return
    }
    let first = rule.buffers.first { $0.buffer != .payload && $0.buffer.isScanned }
    for point in Self.points((first ?? rule.buffers[0]).buffer, rule, record) {
      points[point.place].always.append(number)
    }
  }

  /// The author's choice, or the content that is rarest by its looks.
  private static func fastPattern(_ rule: Rule) -> (group: Int, pattern: PointDraft.Pattern)? {
    var best: (score: Int, group: Int, pattern: PointDraft.Pattern)?
    // A message's buffers are gone when its bytes are searched in the stream, not the other way
    // round: a rule for both is found by the message.
    let readsMessages = rule.buffers.contains { $0.buffer.isScanned && $0.buffer != .payload }
    for (group, match) in rule.buffers.enumerated() {
      guard match.buffer.isScanned, let foldsCase = foldsCase(match.transforms) else { continue }
      if match.buffer == .payload, readsMessages { continue }
      for condition in match.conditions {
        guard case .content(let content) = condition, !content.isNegated else { continue }
        var bytes = content.bytes
        var score = rarity(bytes) / match.buffer.commonness
        if let choice = content.fastPattern {
          score += 1_000_000
          if case .part(let offset, let length) = choice {
            bytes = Array(bytes.dropFirst(Int(offset)).prefix(Int(length)))
          }
        }
        guard !bytes.isEmpty, score > best?.score ?? -1 else { continue }
        let ignoresCase = content.ignoresCase || foldsCase
        bytes = Array(bytes.prefix(PointDraft.patternLimit))
        if ignoresCase { bytes = bytes.map(\.asciiLower) }
        best = (score, group, PointDraft.Pattern(bytes: bytes, ignoresCase: ignoresCase))
      }
    }
    return best.map { ($0.group, $0.pattern) }
  }

  /// nil where the transforms leave nothing to be found in the buffer as it came.
  private static func foldsCase(_ transforms: [BufferTransform]) -> Bool? {
    var folds = false
    for transform in transforms {
      switch transform {
      case .dotPrefix: continue
      case .lowercase, .uppercase, .lowercaseHeaders: folds = true
      default: return nil
      }
    }
    return folds
  }

  /// Longer is rarer, up to a point; repeated octets and words that all traffic has are not rare.
  private static func rarity(_ bytes: [UInt8]) -> Int {
    let distinct = Set(bytes.map(\.asciiLower)).count
    var score = min(bytes.count, 16) * 8 + min(distinct, 12) * 12
    if bytes.count < 4 { score /= 3 }
    let text = String(decoding: bytes.map(\.asciiLower), as: UTF8.self)
    if commonWords.contains(where: { text == $0 || $0.hasPrefix(text) }) { score /= 6 }
    return score
  }

  private static let commonWords = [
    "user-agent: ", "host: ", "http/1.0", "http/1.1", "content-type: ", "content-length: ",
    "mozilla/5.0 (", "mozilla/4.0 (compatible; msie", "accept: ", "cookie: ", "get /", "post /",
    "200 ok", "referer: ", "<html", "<script", "text/html", "application/x-www-form-urlencoded",
    "\r\n\r\n", "windows", "connection: ", "index.php", "function", "document",
    "unescape(", "https://www.", "http://www.", "password", ".php?", ".html",
  ]

  static func points(
    _ buffer: StickyBuffer, _ rule: Rule, _ record: RuleRecord
  ) -> [ScanPoint] {
    var result: [ScanPoint] = []
    for toServer in [true, false] {
      guard record.traits.contains(toServer ? .toServer : .toClient) else { continue }
      if let direction = buffer.direction, (direction == .toServer) != toServer { continue }
      if buffer == .payload || buffer == .base64Data || buffer.isHeader {
        result += payloadPoints(rule, record, toServer)
      } else {
        result.append(.buffer(buffer.code, toServer: toServer))
      }
    }
    var seen = Set<ScanPoint>()
    return result.filter { seen.insert($0).inserted }
  }

  private static func payloadPoints(
    _ rule: Rule, _ record: RuleRecord, _ toServer: Bool
  ) -> [ScanPoint] {
    var result: [ScanPoint] = []
    let transports = RuleTransports(rule.header.protocol)
    if transports.contains(.tcp) {
      if record.traits.contains(.readsStream) { result.append(.stream(toServer: toServer)) }
      if record.traits.contains(.readsPackets) { result.append(.packet(toServer: toServer)) }
    }
    if transports.contains(.udp) { result.append(.datagram(toServer: toServer)) }
    if transports.contains(.icmp) { result.append(.icmp) }
    if transports.contains(.other) { result.append(.other) }
    return result
  }
}

/// The transports that a rule's packets may have.
struct RuleTransports: OptionSet {
  let rawValue: UInt8

  static let tcp = RuleTransports(rawValue: 1)
  static let udp = RuleTransports(rawValue: 2)
  static let icmp = RuleTransports(rawValue: 4)
  static let other = RuleTransports(rawValue: 8)
  static let all: RuleTransports = [.tcp, .udp, .icmp, .other]

  init(rawValue: UInt8) { self.rawValue = rawValue }

  init(_ protocol: RuleProtocol) {
    switch `protocol`.transport {
    case .tcp: self = .tcp
    case .udp: self = .udp
    case .icmp, .icmpv4, .icmpv6: self = .icmp
    case .sctp: self = .other
    case .any, .ipv4, .ipv6: self = .all
    }
    switch `protocol`.application {
    case .none: break
    case .dns: formIntersection([.tcp, .udp])
    case .dhcp, .ntp, .snmp: formIntersection(.udp)
    default: formIntersection(.tcp)
    }
  }
}

extension StickyBuffer {
  /// Whether there is a scan point for it.
  var isScanned: Bool { self != .base64Data && !isHeader }

  /// Buffers in which every message has much the same: contents there find nothing.
  fileprivate var commonness: Int {
    switch self {
    case .httpMethod, .httpStatusCode, .httpStatusMessage, .httpProtocol, .httpConnection: 12
    case .httpHeaderNames, .httpAccept, .httpAcceptEncoding, .httpAcceptLanguage,
      .httpContentType, .httpContentLength:
      4
    case .httpHeader, .httpRawHeader, .httpStart, .payload, .fileData, .httpResponseBody: 2
    default: 1
    }
  }
}
