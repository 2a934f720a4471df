import Terms

/// HTTP/1 (RFC 9112), both directions: heads, framing of bodies, slow requests.
final class HTTPParser: SessionParser {
  /// Bytes of a head after which no end is hoped for.
  static let headCeiling = 1 << 20
  /// Requests whose response is awaited.
  static let pipelineLimit = 64
  /// A request that takes this long, in nanoseconds, is told of; then after twice as long.
  static let progressDelay: Int64 = 5_000_000_000

  private struct Asked {
    var method: String
    var target: [UInt8]
    var number: Int
    var started: CaptureTime
    var isAuthorized: Bool
  }

  @exclusivity(unchecked) private var request = HTTPRequest()
  @exclusivity(unchecked) private var requestScan = HTTPScan(
    keeping: HTTPRequest.headLimit, body: HTTPRequest.bodyLimit)
  @exclusivity(unchecked) private var isRequestPending = false
  @exclusivity(unchecked) private var response = HTTPResponse()
  @exclusivity(unchecked) private var responseScan = HTTPScan(
    keeping: HTTPResponse.headLimit, body: HTTPResponse.bodyLimit)
  @exclusivity(unchecked) private var isResponsePending = false
  @exclusivity(unchecked) private var asked: [Asked] = []
  @exclusivity(unchecked) private var answering: Asked?
  @exclusivity(unchecked) private var number = 0
  @exclusivity(unchecked) private var isOpaque = [false, false]
  /// Of the request at hand.
  @exclusivity(unchecked) private var requestBytes: UInt64 = 0
  @exclusivity(unchecked) private var segments = 0
  @exclusivity(unchecked) private var newest = CaptureTime.distantPast
  @exclusivity(unchecked) private var progressStep = HTTPParser.progressDelay

  init() { super.init(.http) }

  override var held: Int {
    requestScan.held + responseScan.held + request.head.count + response.head.count
      + asked.count * 64
  }

  override func feed(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    direction == .out ? feedRequests(bytes, &output) : feedResponses(bytes, &output)
    return !isOpaque[0] || !isOpaque[1]
  }

  override func skip(
    _ count: UInt64, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    if direction == .out {
      if !requestScan.skip(count) {
        tellRequest(&output)
        isOpaque[0] = true
      }
    } else if !responseScan.skip(count) {
      tellResponse(&output)
      isOpaque[1] = true
    }
    return !isOpaque[0] || !isOpaque[1]
  }

  override func finish(_ output: inout SessionOutput) {
    if requestScan.isInHead, requestScan.headLength > 0 { readRequestHead(isComplete: false) }
    tellRequest(&output)
    tellResponse(&output)
  }

  override func tick(_ output: inout SessionOutput) {
    guard isRequestOpen else {
      nextTick = .max
      return
    }
    let now = output.scene.time
    var progress = HTTPProgress()
    progress.isHeadComplete = !requestScan.isInHead
    progress.bytes = requestBytes
    progress.segments = segments
    progress.missing = requestScan.missing
    progress.started = request.started
    progress.elapsed = now - request.started
    progress.silence = now - newest
    output.tell(.httpProgress(progress), from: .out)
    while request.started.nanoseconds &+ progressStep <= now.nanoseconds, progressStep < 1 << 60 {
      progressStep *= 2
    }
    nextTick = request.started.nanoseconds &+ progressStep
  }

  /// A request has begun and is not complete.
  private var isRequestOpen: Bool { requestBytes > 0 && !isOpaque[0] }

  private func feedRequests(_ bytes: UnsafeRawBufferPointer, _ output: inout SessionOutput) {
    var at = 0
    var isNew = true
    while at < bytes.count, !isOpaque[0] {
      if requestBytes == 0 {
        // Empty lines before a request line are allowed (RFC 9112, 2.2).
        while at < bytes.count, bytes[at] == 0x0d || bytes[at] == 0x0a { at += 1 }
        guard at < bytes.count else { return }
        beginRequest(&output)
        isNew = true
      }
      if isNew { segments += 1 }
      isNew = false
      newest = output.scene.time
      let step = requestScan.feed(bytes.from(at))
      at += step.count
      requestBytes &+= UInt64(step.count)
      switch step.result {
      case .more: break
      case .head:
        readRequestHead(isComplete: true)
        if requestScan.isOver { endRequest(&output) }
      case .sample: tellRequest(&output)
      case .over: endRequest(&output)
      case .broken:
        readRequestHead(isComplete: false)
        tellRequest(&output)
        isOpaque[0] = true
      }
    }
  }

  private func beginRequest(_ output: inout SessionOutput) {
    request = HTTPRequest()
    request.started = output.scene.time
    request.number = number
    number += 1
    segments = 0
    progressStep = Self.progressDelay
    nextTick = request.started.nanoseconds &+ progressStep
  }

  private func readRequestHead(isComplete: Bool) {
    requestScan.read(into: &request)
    request.isComplete = isComplete
    isRequestPending = true
    requestScan.openBody(
      length: request.contentLength ?? 0, isChunked: request.isChunked, untilClose: false)
    guard asked.count < Self.pipelineLimit else { return }
    asked.append(
      Asked(
        method: request.method, target: Array(request.target.prefix(HTTPResponse.targetLimit)),
        number: request.number, started: request.started,
        isAuthorized: !request.authorization.isEmpty))
  }

  private func tellRequest(_ output: inout SessionOutput) {
    guard isRequestPending else { return }
    isRequestPending = false
    request.body = requestScan.takeBody()
    output.tell(.http(request), from: .out)
    request.head = []
    request.body = []
  }

  private func endRequest(_ output: inout SessionOutput) {
    tellRequest(&output)
    requestScan.restart()
    requestBytes = 0
    nextTick = .max
  }

  private func feedResponses(_ bytes: UnsafeRawBufferPointer, _ output: inout SessionOutput) {
    var at = 0
    while at < bytes.count, !isOpaque[1] {
      if responseScan.headLength == 0, responseScan.isInHead {
        while at < bytes.count, bytes[at] == 0x0d || bytes[at] == 0x0a { at += 1 }
        guard at < bytes.count else { return }
        beginResponse(&output)
      }
      let step = responseScan.feed(bytes.from(at))
      at += step.count
      switch step.result {
      case .more: break
      case .head:
        readResponseHead()
        // An interim answer (RFC 9110, 15.2) bids the body come.
        if !isInterim { tellRequest(&output) }
        if responseScan.isOver { endResponse(&output) }
      case .sample: tellResponse(&output)
      case .over: endResponse(&output)
      case .broken:
        tellRequest(&output)
        isOpaque[1] = true
      }
    }
  }

  private func beginResponse(_ output: inout SessionOutput) {
    response = HTTPResponse()
    answering = asked.isEmpty ? nil : asked.removeFirst()
    if let answering {
      response.requestMethod = answering.method
      response.requestTarget = answering.target
      response.requestNumber = answering.number
      response.requestWasAuthorized = answering.isAuthorized
      response.delay = output.scene.time - answering.started
    }
  }

  private var isInterim: Bool {
    response.status >= 100 && response.status < 200 && response.status != 101
  }

  private func readResponseHead() {
    responseScan.read(into: &response)
    isResponsePending = true
    let status = response.status
    if isInterim {
      // The real answer follows.
      if let answering { asked.insert(answering, at: 0) }
      responseScan.openBody(length: 0, isChunked: false, untilClose: false)
      return
    }
    let isTunnel = status == 101 || response.requestMethod == "CONNECT" && status / 100 == 2
    let isBare = response.requestMethod == "HEAD" || status == 204 || status == 304 || isTunnel
    if isTunnel { isOpaque = [true, true] }
    responseScan.openBody(
      length: isBare ? 0 : response.contentLength ?? 0, isChunked: !isBare && response.isChunked,
      untilClose: !isBare && response.contentLength == nil)
  }

  private func tellResponse(_ output: inout SessionOutput) {
    guard isResponsePending else { return }
    isResponsePending = false
    response.body = responseScan.takeBody()
    output.tell(.httpResponse(response), from: .back)
    response.head = []
    response.body = []
  }

  private func endResponse(_ output: inout SessionOutput) {
    tellResponse(&output)
    responseScan.restart()
  }
}
