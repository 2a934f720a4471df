import Flows
import Terms

/// TCP streams.
extension SignatureInspector {
  /// Bytes of one direction that are read.
  static let depth: UInt64 = 1 << 20
  /// Contents are looked for in so many bytes before new ones as well, so that none is missed where
  /// segments meet.
  static let seam = PointDraft.patternLimit - 1
  /// New bytes that are looked at together.
  static let pieceLimit = StreamWindow.limit - StreamWindow.kept

  func enter(_ talk: Talk, place: Int, toServer: Bool, index: UInt64, time: CaptureTime) {
    scene.packet = nil
    scene.headers = UnsafeRawBufferPointer(start: nil, count: 0)
    scene.place = place
    scene.isFromClient = toServer
    scene.isEstablished = true
    scene.transport = 6
    scene.source = toServer ? talk.client : talk.server
    scene.destination = toServer ? talk.server : talk.client
    scene.sourcePort = toServer ? talk.clientPort : talk.serverPort
    scene.destinationPort = toServer ? talk.serverPort : talk.clientPort
    scene.application = talk.application
    scene.tlsVersion = talk.tlsVersion
    scene.index = index
    scene.time = time
    scene.clientBytes = talk.toServer.end
    scene.serverBytes = talk.toClient.end
  }

  /// - Returns: whether more of the stream is wanted.
  func read(
    _ bytes: UnsafeRawBufferPointer, _ talk: Talk, toServer: Bool, kind: SessionProtocol
  ) -> Bool {
    // One call for each side: a window chosen before would be counted as a reference.
    toServer
      ? read(bytes, talk, talk.toServer, toServer: true, kind: kind)
      : read(bytes, talk, talk.toClient, toServer: false, kind: kind)
  }

  private func read(
    _ bytes: UnsafeRawBufferPointer, _ talk: Talk, _ window: StreamWindow, toServer: Bool,
    kind: SessionProtocol
  ) -> Bool {
    guard window.end < Self.depth else { return !hasEnough(talk) }
    var at = 0
    while at < bytes.count {
      let piece = UnsafeRawBufferPointer(
        rebasing: bytes[at..<min(at + Self.pieceLimit, bytes.count)])
      window.append(piece)
      if toServer { scene.clientBytes = window.end } else { scene.serverBytes = window.end }
      readMessages(piece, window, talk, toServer: toServer, kind: kind)
      searchWindow(window, talk, toServer: toServer, piece: piece)
      at += piece.count
    }
    return !hasEnough(talk)
  }

  private func hasEnough(_ talk: Talk) -> Bool {
    let isEncrypted =
      talk.tls?.isDone == true
      || talk.application == Self.sshCode && talk.toServer.end > 8192 && talk.toClient.end > 8192
    let isDeep = talk.toServer.end >= Self.depth && talk.toClient.end >= Self.depth
    guard isEncrypted || isDeep else { return false }
    talk.isDone = true
    if talk.tls?.isSealed ?? isEncrypted { talk.isSealed = true }
    return true
  }

  /// Raw bytes.
  private func searchWindow(
    _ window: StreamWindow, _ talk: Talk, toServer: Bool, piece: UnsafeRawBufferPointer
  ) {
    if let tls = talk.tls, tls.isDone(toServer: toServer) { return }
    let all = window.bytes
    beginCandidates()
    let from = max(window.searched - Self.seam, 0)
    if !window.answered.isEmpty {
      let seam = window.start &+ UInt64(from)
      window.answered.removeAll { $0.offset <= seam }
    }
    searchStream(
      UnsafeRawBufferPointer(rebasing: all[from...]), from: window.start &+ UInt64(from),
      piece: piece)
    window.searched = all.count
    waited.removeAll(keepingCapacity: true)
    if !window.pending.isEmpty {
      swap(&waited, &window.pending)
      for pending in waited { add(pending.rule) }
    }
    guard candidateCount > 0 else { return }
    present = 0
    partial = 0
    later = 0
    if let http = talk.http { showHead(http.message(toServer: toServer), toServer: toServer) }
    show(Self.payloadCode, all)
    partial |= Self.payloadBit
    run.decoded.clear()
    judge(.window(window))
  }

  /// What the conversation's protocol says.
  private func readMessages(
    _ piece: UnsafeRawBufferPointer, _ window: StreamWindow, _ talk: Talk, toServer: Bool,
    kind: SessionProtocol
  ) {
    var piece = piece
    if !talk.isKnown, kind != .unknown {
      talk.isKnown = true
      talk.application = Self.code(kind)
      scene.application = talk.application
      // What came before it was known is read now; rules for the protocol look again.
      window.searched = 0
      let other = talk.window(toServer: !toServer)
      if !other.bytes.isEmpty, other.start == 0 {
        readKnown(other.bytes, other, talk, toServer: !toServer)
        enter(
          talk, place: scene.place, toServer: toServer, index: scene.index, time: scene.time)
      }
      if window.start == 0 { piece = window.bytes }
    }
    readKnown(piece, window, talk, toServer: toServer)
  }

  private func readKnown(
    _ bytes: UnsafeRawBufferPointer, _ window: StreamWindow, _ talk: Talk, toServer: Bool
  ) {
    switch talk.application {
    case Self.httpCode:
      let http = talk.http ?? HTTPTalk()
      talk.http = http
      scene.isFromClient = toServer
      http.feed(bytes, toServer: toServer, self)
    case Self.tlsCode:
      let tls = talk.tls ?? TLSTalk()
      talk.tls = tls
      tls.feed(bytes, toServer: toServer, self)
      talk.tlsVersion = tls.version
      scene.tlsVersion = tls.version
    case Self.dnsCode:
      // A length, then the message; one that is cut is let go.
      guard toServer, bytes.count > 14 else { return }
      inspectQuery(bytes, message: UnsafeRawBufferPointer(rebasing: bytes[2...]))
    case Self.sshCode: inspectBanner(window, talk, toServer: toServer)
    default: break
    }
  }

  static var httpCode: UInt8 { ApplicationProtocol.http.code }
  static var tlsCode: UInt8 { ApplicationProtocol.tls.code }
  static var sshCode: UInt8 { ApplicationProtocol.ssh.code }

  private static func code(_ kind: SessionProtocol) -> UInt8 {
    switch kind {
    case .dns: dnsCode
    case .http: httpCode
    case .tls: tlsCode
    case .ssh: sshCode
    case .ftp: ApplicationProtocol.ftp.code
    case .smtp: ApplicationProtocol.smtp.code
    case .pop: ApplicationProtocol.pop3.code
    case .imap: ApplicationProtocol.imap.code
    case .telnet: ApplicationProtocol.telnet.code
    case .smb: ApplicationProtocol.smb.code
    case .rdp: ApplicationProtocol.rdp.code
    default: 0
    }
  }
}
