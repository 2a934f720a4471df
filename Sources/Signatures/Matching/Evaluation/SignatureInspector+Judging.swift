import Flows
import Terms

/// Candidates held against the message at hand.
extension SignatureInspector {
  enum Outcome {
    case no, yes
    /// Bytes that may still come could make it answer.
    case later
  }

  /// What happens to rules that wait for more.
  enum Waiting {
    case none
    case window(StreamWindow)
    case message(HTTPMessage)
  }

  /// Evaluates the candidates in the order of the rules: who writes bits before who reads them.
  func judge(_ waiting: Waiting = .none) {
    guard candidateCount > 0 else { return }
    sortCandidates()
    for place in 0..<candidateCount {
      let rule = candidates[place]
      guard !hasAnswered(rule, waiting) else { continue }
      switch evaluate(rule) {
      case .yes:
        noteAnswer(rule, waiting)
        matched(rule)
      case .later: wait(rule, waiting)
      case .no: break
      }
    }
    candidateCount = 0
  }

  /// Whether the rule has answered to this message, or to the newest bytes of the stream, which are
  /// searched twice where segments meet.
  private func hasAnswered(_ rule: Int32, _ waiting: Waiting) -> Bool {
    switch waiting {
    case .none: false
    case .window(let window):
      !window.answered.isEmpty && window.answered.contains { $0.rule == rule }
    case .message(let message): !message.answered.isEmpty && message.answered.contains(rule)
    }
  }

  private func noteAnswer(_ rule: Int32, _ waiting: Waiting) {
    switch waiting {
    case .none: break
    case .window(let window):
      if window.answered.count >= StreamWindow.pendingLimit { window.answered.removeFirst() }
      window.answered.append(StreamWindow.Pending(rule: rule, offset: window.end))
    case .message(let message):
      if message.answered.count < 64 { message.answered.append(rule) }
    }
  }

  private func wait(_ rule: Int32, _ waiting: Waiting) {
    switch waiting {
    case .none: break
    case .window(let window):
      if window.pending.count >= StreamWindow.pendingLimit { window.pending.removeFirst() }
      let offset = offset(ofWaiting: rule) ?? window.end
      window.pending.append(StreamWindow.Pending(rule: rule, offset: offset))
    case .message(let message):
      if message.pending.count < 256 { message.pending.append(rule) }
    }
  }

  /// Where the content of a rule that waits already was seen.
  private func offset(ofWaiting rule: Int32) -> UInt64? { waited.first { $0.rule == rule }?.offset }

  /// Few, and nearly in order.
  private func sortCandidates() {
    var place = 1
    while place < candidateCount {
      let rule = candidates[place]
      var hole = place
      while hole > 0, candidates[hole &- 1] > rule {
        candidates[hole] = candidates[hole &- 1]
        hole &-= 1
      }
      candidates[hole] = rule
      place &+= 1
    }
  }

  private func evaluate(_ number: Int32) -> Outcome {
    let rule = image.rules.base + Int(number)
    countEvaluation()
    for place in rule.pointee.tests.range where !scene.passes(image.tests[place]) { return .no }
    for place in rule.pointee.applicationTests.range {
      guard passes(image.applicationTests[place]) else { return .no }
    }
    guard passesStates(rule.pointee.states, of: number) else { return .no }
    var outcome = Outcome.yes
    for place in rule.pointee.groups.range {
      switch holds(image.groups.base + place) {
      case .no: return .no
      case .later: outcome = .later
      case .yes: break
      }
    }
    return outcome
  }

  private func passes(_ test: ApplicationTest) -> Bool {
    switch test.subject {
    case .isProtocol: (UInt16(scene.application) == test.value) != test.isNegated
    case .tlsVersion:
      scene.tlsVersion != 0
        && test.versions.range.contains { image.names[$0] == Int32(scene.tlsVersion) }
          != test.isNegated
    // No parser here tells of such events.
    case .event: false
    }
  }

  // MARK: Groups

  private func holds(_ group: UnsafePointer<GroupRecord>) -> Outcome {
    let code = Int(group.pointee.buffer)
    let bit: UInt64 = 1 &<< UInt64(code)
    if code == Self.base64Code {
      guard !run.decoded.bytes.isEmpty else { return .no }
      return holds(group, run.decoded.bytes) ? .yes : .no
    }
    if code == Self.certificatesCode {
      for certificate in certificates {
        if certificate.withUnsafeBytes({ holds(group, $0) }) { return .yes }
      }
      return .no
    }
    guard present & bit != 0 else { return later & bit != 0 ? .later : .no }
    if code == Self.requestHeaderCode || code == Self.responseHeaderCode {
      return holdsForLine(group, buffers[code]) ? .yes : .no
    }
    if holds(group, buffers[code]) { return .yes }
    return partial & bit != 0 ? .later : .no
  }

  static var base64Code: Int { StickyBuffer.base64Data.code }
  static var certificatesCode: Int { StickyBuffer.tlsCertificates.code }
  static var requestHeaderCode: Int { StickyBuffer.httpRequestHeader.code }
  static var responseHeaderCode: Int { StickyBuffer.httpResponseHeader.code }
  static var payloadBit: UInt64 { 1 &<< UInt64(payloadCode) }
  /// Buffers with a dot before their first byte.
  static var dottedCodes: UInt64 {
    1 &<< UInt64(StickyBuffer.httpHost.code) | 1 &<< UInt64(StickyBuffer.dnsQuery.code)
      | 1 &<< UInt64(StickyBuffer.tlsServerName.code)
  }

  private func holds(_ group: UnsafePointer<GroupRecord>, _ data: UnsafeRawBufferPointer) -> Bool {
    var data = data
    if !group.pointee.transforms.isEmpty {
      let code = UInt64(group.pointee.buffer)
      if group.pointee.isDotted, Self.dottedCodes & 1 &<< code != 0, let base = data.baseAddress {
        data = UnsafeRawBufferPointer(start: base - 1, count: data.count + 1)
      } else {
        data = transforms.apply(image.transforms.bytes(group.pointee.transforms), to: data)
      }
    }
    run.begin()
    let steps = group.pointee.steps
    return run.holds(Int(steps.start), steps.end, data, cursor: 0)
  }

  /// Header lines, each by itself.
  private func holdsForLine(
    _ group: UnsafePointer<GroupRecord>, _ lines: UnsafeRawBufferPointer
  ) -> Bool {
    var start = 0
    while start < lines.count {
      let end = lines[start...].firstIndex(of: 0x0a) ?? lines.count
      let last = end > start && lines[end - 1] == 0x0d ? end - 1 : end
      if holds(group, UnsafeRawBufferPointer(rebasing: lines[start..<last])) { return true }
      start = end + 1
    }
    return false
  }

  // MARK: Matches

  /// Whether a rule that looks at packets and at streams has answered to this packet before.
  private func hasToldPacket(_ number: Int32) -> Bool {
    if toldPacket != scene.index {
      toldPacket = scene.index
      told.removeAll(keepingCapacity: true)
    }
    if told.contains(number) { return true }
    told.append(number)
    return false
  }

  private func matched(_ number: Int32) {
    let rule = image.rules.base + Int(number)
    if rule.pointee.traits.isSuperset(of: [.readsPackets, .readsStream]), hasToldPacket(number) {
      return
    }
    apply(rule.pointee.changes)
    if rule.pointee.traits.contains(.isPass) {
      passedPacket = scene.index
      if scene.transport == 6 { admitTalk(scene.place)?.isPassed = true }
    }
    var match = SignatureMatch(
      time: scene.time, packet: scene.index, rule: number, source: scene.source,
      destination: scene.destination, sourcePort: scene.sourcePort,
      destinationPort: scene.destinationPort, isFromClient: scene.isFromClient,
      transport: TransportProtocol(number: scene.transport), moment: moment, order: order)
    match.isSilent =
      rule.pointee.traits.contains(.isSilent) || passedPacket == scene.index
      || talk(scene.place)?.isPassed == true
    guard !match.isSilent || settlement.changesHosts(rule) else { return }
    guard settles else { return keep(match) }
    if settlement.passes(match) { tell(match) }
  }
}
