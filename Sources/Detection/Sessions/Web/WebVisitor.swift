import Flows
import Terms

/// What of a request tells a machine from a person.
struct WebAsking: Sendable {
  /// Digests of the path, the query, the referring page and the client's name; 0 for none.
  var path: UInt64 = 0
  var query: UInt64 = 0
  var referer: UInt64 = 0
  var agent: UInt64 = 0
  /// For a part of a page: style, script, picture, type.
  var isAsset = false
  /// Asks for a range, or only for what changed: whoever does so saves the server work.
  var isConsiderate = false
  var isPost = false

  /// - Parameter before: the path that the client asked for before; only whoever asks for the same
  ///   again can be considerate.
  init(_ request: HTTPRequest, before: UInt64) {
    let target = request.target
    let end = target.firstIndex(of: 0x3f) ?? target.endIndex
    path = target[target.startIndex..<end].digest
    if end < target.endIndex { query = max(target[end...].digest, 1) }
    isPost = request.method == "POST"
    // Other credentials are another try to log in, which no cache would answer either. Programs that
    // tell each other what happened post nothing else, each time something else.
    let isMessage = request.contentType.mentions("json") || request.contentType.mentions("xml")
    if isPost, !request.body.isEmpty, !isMessage, LoginForm(request)?.secret == nil {
      query ^= request.body[...].digest
    }
    if !request.referer.isEmpty { referer = max(request.referer.digest, 1) }
    if !request.userAgent.isEmpty { agent = max(request.userAgent.digest, 1) }
    isAsset = Self.isAsset(target[target.startIndex..<end])
    guard path == before else { return }
    isConsiderate =
      request.head.mentions("\r\nrange:") || request.head.mentions("\r\nif-modified-since:")
      || request.head.mentions("\r\nif-none-match:")
  }

  private static let assets: [StaticString] = [
    ".css", ".js", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".webp", ".woff", ".woff2",
  ]

  private static func isAsset(_ path: ArraySlice<UInt8>) -> Bool {
    let tail = path.suffix(6)
    return assets.contains { name in
      let count = name.utf8CodeUnitCount
      guard tail.count >= count else { return false }
      var place = tail.endIndex - count
      for index in 0..<count {
        guard tail[place] | 0x20 == name.utf8Start[index] | 0x20 else { return false }
        place += 1
      }
      return true
    }
  }

  /// The path, printable, for a report.
  static func pathText(_ request: HTTPRequest) -> String {
    let path = request.target.prefix { $0 != 0x3f }.prefix(100)
    return String(decoding: path.map { $0.isPrintable ? $0 : 0x2e }, as: UTF8.self)
  }
}

/// How one client asks one site.
struct WebVisitor: Sendable {
  /// Requests before a client is classed.
  static let leastRequests = 3
  /// Least share of requests for the same path as the one before.
  static let sameShare = 0.7

  var requests = 0
  var last = CaptureTime.distantPast
  private var previous: WebAsking?
  private var same = 0
  /// Of those, requests with another query (or body) than the one before.
  private var busting = 0
  private var assets = 0
  private var considerate = 0
  private var referred = 0
  /// Times that the client changed its name, or the page it says it came from.
  private var disguises = 0

  /// The path asked for last; 0 before the first.
  var path: UInt64 { previous?.path ?? 0 }

  mutating func note(_ asking: WebAsking, at time: CaptureTime) {
    // Old habits weigh half.
    if requests >= 64 { halve() }
    requests += 1
    last = time
    if asking.isAsset { assets += 1 }
    if asking.isConsiderate { considerate += 1 }
    if asking.referer != 0 { referred += 1 }
    if let previous {
      if previous.path == asking.path {
        same += 1
        if asking.query != previous.query { busting += 1 }
      }
      if asking.agent != previous.agent { disguises += 1 }
      if asking.referer != previous.referer, asking.referer != 0, previous.referer != 0,
        previous.path == asking.path
      {
        disguises += 1
      }
    }
    previous = asking
  }

  private mutating func halve() {
    requests /= 2
    same /= 2
    busting /= 2
    assets /= 2
    considerate /= 2
    referred /= 2
    disguises /= 2
  }

  var isClassed: Bool { requests >= Self.leastRequests }
  /// Changes its name with nearly every request, though it asks for the same thing.
  var isDisguised: Bool { isMachine && disguises * 2 >= requests }
  var isBusting: Bool { isMachine && busting * 10 >= same * 7 && busting > 0 }

  /// Asks for one thing over and over and for nothing that belongs to it.
  var isMachine: Bool {
    guard isClassed, Double(same) >= Self.sameShare * Double(requests - 1) else { return false }
    guard assets == 0, considerate == 0 else { return false }
    // People's pages say where they are; so do machines that invent it, each time anew.
    return referred * 3 <= requests || disguises * 2 >= requests
  }
}

/// What a site was asked lately, in fading sums.
struct WebSiteLoad: Sendable {
  private static let ringSize = 16

  private var total = 0.0
  private var classed = 0.0
  private var machine = 0.0
  private var busting = 0.0
  private var disguised = 0.0
  private var outside = 0.0
  private var answers = 0.0
  private var failures = 0.0
  private var time = CaptureTime.distantPast
  /// The machines that asked last, and when.
  private var clients = SIMD16<UInt64>(repeating: 0)
  private var times = SIMD16<Int64>(repeating: .min)
  private var cursor = 0

  mutating func note(
    _ asking: WebAsking, _ visitor: WebVisitor, client: UInt64, isOutside: Bool,
    at now: CaptureTime
  ) {
    self = faded(to: now)
    total += 1
    guard visitor.isClassed else { return }
    classed += 1
    guard visitor.isMachine else { return }
    machine += 1
    if visitor.isBusting { busting += 1 }
    if visitor.isDisguised { disguised += 1 }
    if isOutside { outside += 1 }
    for place in 0..<Self.ringSize where clients[place] == client {
      times[place] = now.nanoseconds
      return
    }
    clients[cursor] = client
    times[cursor] = now.nanoseconds
    cursor = (cursor + 1) % Self.ringSize
  }

  mutating func answer(isFailure: Bool, at now: CaptureTime) {
    self = faded(to: now)
    answers += 1
    if isFailure { failures += 1 }
  }

  /// The sums as they stand at `now`.
  func faded(to now: CaptureTime) -> Self {
    guard time != .distantPast, now > time else {
      var same = self
      same.time = max(time, now)
      return same
    }
    var next = self
    let factor = 1 / (1 + (now - time).seconds * 0.693 / HTTPFlood.halfLife)
    next.total *= factor
    next.classed *= factor
    next.machine *= factor
    next.busting *= factor
    next.disguised *= factor
    next.outside *= factor
    next.answers *= factor
    next.failures *= factor
    next.time = now
    return next
  }

  /// Of the requests of clients that are classed, the machines'; 0 while most are not classed.
  var machineShare: Double {
    classed * 3 < total ? 0 : machine / max(classed, 0.001)
  }
  var bustShare: Double { busting / max(machine, 0.001) }
  var disguiseShare: Double { disguised / max(machine, 0.001) }
  /// Of the machines' requests, those that come from outside the site.
  var outsideShare: Double { outside / max(machine, 0.001) }
  var answeredShare: Double { min(1, answers / max(total, 0.001)) }

  /// Whether the site answers mostly with failures, or most requests not at all.
  var isDistressed: Bool {
    answers > 3 && (failures >= 0.3 * answers || answers <= 0.4 * total)
  }

  /// Distinct machines since a time; counted to sixteen.
  func machines(since start: CaptureTime) -> Int {
    (0..<Self.ringSize).count { times[$0] >= start.nanoseconds }
  }
}
