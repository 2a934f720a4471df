/// Messages of protocols whose parts have buffers of their own.
extension SignatureInspector {
  private static var fileCode: Int { StickyBuffer.fileData.code }
  private static var requestBodyCode: Int { StickyBuffer.httpRequestBody.code }
  private static var responseBodyCode: Int { StickyBuffer.httpResponseBody.code }

  private func beginMessage() {
    present = 0
    partial = 0
    later = 0
    run.decoded.clear()
  }

  /// The buffers of a head, and of the body as far as it is there.
  func showHead(_ message: HTTPMessage, toServer: Bool) {
    guard message.headCount > 0 else { return }
    var rest = message.present
    while rest != 0 {
      let code = rest.trailingZeroBitCount
      rest &= rest &- 1
      buffers[code] = message.bytes(code)
    }
    present |= message.present
    let lines = toServer ? Self.requestHeaderCode : Self.responseHeaderCode
    show(lines, message.bytes(.httpHeader))
    let codes =
      (1 as UInt64) << UInt64(toServer ? Self.requestBodyCode : Self.responseBodyCode)
      | 1 << UInt64(Self.fileCode)
    if message.body.count > 0 {
      show(toServer ? Self.requestBodyCode : Self.responseBodyCode, message.body.bytes)
      show(Self.fileCode, message.body.bytes)
      if !message.isBodyDone { partial |= codes }
    } else if !message.isBodyDone {
      later |= codes
    }
  }

  /// The raw stream, for rules that look there too.
  private func showStream(toServer: Bool) {
    guard let talk = talk(scene.place) else { return }
    let bytes = talk.window(toServer: toServer).bytes
    guard !bytes.isEmpty else { return }
    show(Self.payloadCode, bytes)
    partial |= Self.payloadBit
  }

  func inspectHead(_ message: HTTPMessage, toServer: Bool) {
    scene.isFromClient = toServer
    beginCandidates()
    for code in toServer ? wanted.toServer : wanted.toClient {
      let lines = toServer ? Self.requestHeaderCode : Self.responseHeaderCode
      if code == lines {
        search(.buffer(code, toServer: toServer), message.bytes(.httpHeader))
        continue
      }
      guard message.present & 1 &<< UInt64(code) != 0 else { continue }
      var bytes = message.bytes(code)
      if Self.dottedCodes & 1 &<< UInt64(code) != 0 {
        bytes = UnsafeRawBufferPointer(
          start: bytes.baseAddress.map { $0 - 1 }, count: bytes.count + 1)
      }
      search(.buffer(code, toServer: toServer), bytes)
    }
    guard candidateCount > 0 else { return }
    beginMessage()
    showHead(message, toServer: toServer)
    showStream(toServer: toServer)
    judge(.message(message))
  }

  /// - Parameter isWhole: nothing more of the body will be looked at.
  func inspectBody(_ message: HTTPMessage, toServer: Bool, isWhole: Bool) {
    scene.isFromClient = toServer
    if isWhole { message.isBodyDone = true }
    guard message.body.count > 0 || !message.pending.isEmpty else { return }
    beginCandidates()
    let body = message.body.bytes
    let from = max(message.searched - PointDraft.patternLimit + 1, 0)
    if body.count > message.searched {
      let fresh = UnsafeRawBufferPointer(rebasing: body[from...])
      search(
        .buffer(toServer ? Self.requestBodyCode : Self.responseBodyCode, toServer: toServer),
        and: .buffer(Self.fileCode, toServer: toServer), fresh)
      message.searched = body.count
    }
    for rule in message.pending { add(rule) }
    message.pending.removeAll(keepingCapacity: true)
    guard candidateCount > 0 else { return }
    beginMessage()
    showHead(message, toServer: toServer)
    showStream(toServer: toServer)
    run.body = message.body.bytes
    swap(&run.absences, &message.absences)
    judge(.message(message))
    swap(&run.absences, &message.absences)
    run.body = UnsafeRawBufferPointer(start: nil, count: 0)
  }

  func inspectHandshake(_ tls: TLSTalk, toServer: Bool) {
    scene.isFromClient = toServer
    if tls.version != 0 { scene.tlsVersion = tls.version }
    var shown: [(StickyBuffer, [UInt8])] = []
    if toServer {
      shown = [
        (.tlsServerName, tls.serverName), (.ja3Hash, tls.ja3), (.ja3Text, tls.ja3Text),
        (.ja4Hash, tls.ja4),
      ]
    } else {
      shown = [(.ja3sHash, tls.ja3s), (.ja3sText, tls.ja3sText)]
      if let certificate = tls.certificate {
        shown += [
          (.tlsCertificateSubject, certificate.subject),
          (.tlsCertificateIssuer, certificate.issuer),
          (.tlsCertificateSerial, certificate.serial),
          (.tlsCertificateFingerprint, certificate.fingerprint),
        ]
      }
    }
    certificates = toServer ? [] : tls.certificates
    inspect(shown, toServer: toServer)
    certificates = []
  }

  /// Buffers that are made for one message.
  func inspect(_ shown: [(StickyBuffer, [UInt8])], toServer: Bool) {
    beginCandidates()
    beginMessage()
    let store = ByteStore(capacity: 4096)
    var ranges: [(code: Int, range: Range<Int>)] = []
    for (buffer, bytes) in shown where !bytes.isEmpty {
      let start = store.count
      bytes.withUnsafeBytes { store.append($0) }
      ranges.append((buffer.code, start..<store.count))
    }
    for (code, range) in ranges {
      search(
        .buffer(code, toServer: toServer), UnsafeRawBufferPointer(rebasing: store.bytes[range]))
      let isDotted = Self.dottedCodes & 1 &<< UInt64(code) != 0
      let start = range.lowerBound + (isDotted ? 1 : 0)
      guard start < range.upperBound else { continue }
      show(code, UnsafeRawBufferPointer(rebasing: store.bytes[start..<range.upperBound]))
    }
    for certificate in certificates {
      certificate.withUnsafeBytes {
        search(.buffer(Self.certificatesCode, toServer: toServer), $0)
      }
    }
    add(image.plain[PlainDraft.List.application])
    guard candidateCount > 0 else { return }
    showStream(toServer: toServer)
    partial &= ~Self.payloadBit
    judge()
  }

  /// `SSH-2.0-OpenSSH_9.6`: version and software.
  func inspectBanner(_ window: StreamWindow, _ talk: Talk, toServer: Bool) {
    guard toServer ? !talk.hasBanner.toServer : !talk.hasBanner.toClient, window.start == 0 else {
      return
    }
    let bytes = window.bytes
    guard let end = bytes.prefix(256).firstIndex(of: 0x0a) else { return }
    if toServer { talk.hasBanner.toServer = true } else { talk.hasBanner.toClient = true }
    let line = bytes[..<end].drop { $0 != 0x2d }.dropFirst()
    guard let dash = line.firstIndex(of: 0x2d) else { return }
    let software = line[(dash + 1)...].prefix { $0 != 0x0d && $0 != 0x20 }
    inspect(
      [(.sshProtocol, Array(line[..<dash])), (.sshSoftware, Array(software))], toServer: toServer)
  }
}
