import CPrefetch
import Flows
import Glibc
import Packets
import Terms

/// Reads all traffic of one flow engine and holds it against a rule set: packets, streams, and what
/// their protocols say. One for each worker; the rules are shared.
///
/// Nothing is allocated for a packet; for a conversation that is read, a `Talk` is taken from a
/// pool.
public final class SignatureInspector: TrafficInspector {
  /// Matches that wait to be fetched.
  private static let matchLimit = 65_536
  private static let candidateLimit = 8192
  /// Places of the flow table, at most.
  static let placeLimit = 1 << 20
  private static let poolLimit = 4096

  let set: SignatureSet
  let image: RuleImage
  let scanner: Scanner
  private let memo = ScanMemo()
  @exclusivity(unchecked) var run: StepRun
  @exclusivity(unchecked) var head: HeadCheck
  @exclusivity(unchecked) var scene = Scene()
  @exclusivity(unchecked) var segment = SegmentSearch(
    seam: SignatureInspector.seam, payloadLimit: SignatureInspector.pieceLimit)
  @exclusivity(unchecked) var settlement: MatchSettlement
  /// Whether matches are settled as they come; else whoever fetches them does it.
  let settles: Bool
  let banks: PatternBanks
  let marks: AddressMarks
  let expressions: Expressions
  let transforms = TransformRoom()
  let names = ByteStore(capacity: 512)

  /// The buffers of the message at hand by code; those that are there, and those that may grow.
  let buffers: UnsafeMutablePointer<UnsafeRawBufferPointer>
  @exclusivity(unchecked) var present: UInt64 = 0
  @exclusivity(unchecked) var partial: UInt64 = 0
  @exclusivity(unchecked) var later: UInt64 = 0
  @exclusivity(unchecked) var certificates: [[UInt8]] = []

  /// Rules of the stream at hand that have waited for more.
  @exclusivity(unchecked) var waited: [StreamWindow.Pending] = []

  /// Rules that may answer, each once.
  let candidates: UnsafeMutablePointer<Int32>
  @exclusivity(unchecked) var candidateCount = 0
  let stamps: UnsafeMutablePointer<UInt32>
  @exclusivity(unchecked) private var stamp: UInt32 = 0

  private let talks: UnsafeMutablePointer<Unmanaged<Talk>?>
  /// Which directions of a flow were asked for by addresses.
  let checked: UnsafeMutablePointer<UInt8>
  @exclusivity(unchecked) private var pool: [Talk] = []
  @exclusivity(unchecked) public private(set) var matches: [SignatureMatch] = []
  @exclusivity(unchecked) private var counts = SignatureStatistics()
  /// The packet, and its flow, that a pass rule lets go.
  @exclusivity(unchecked) var passedPacket = UInt64.max
  /// Rules for packets and streams that have answered to this packet.
  @exclusivity(unchecked) var toldPacket = UInt64.max
  @exclusivity(unchecked) var told: [Int32] = []
  /// Codes of the buffers that rules look at, by direction.
  let wanted: (toServer: [Int], toClient: [Int])

  /// Buffers that some rule looks at, by code.
  private let lookedAt: UInt64

  /// - Parameter settles: false for one of several workers: their matches must be put in order and go
  ///   through one `MatchSettlement`. Only for sets that are `isShareable`.
  public init(_ set: SignatureSet, settles: Bool = true) {
    self.set = set
    self.settles = settles
    settlement = MatchSettlement(set)
    image = set.image
    scanner = Scanner(set.databases)
    head = HeadCheck(set.image)
    banks = PatternBanks(set.image)
    marks = AddressMarks(set.image.marks)
    expressions = Expressions(count: set.image.figure(.expressions))
    run = StepRun(set.image, expressions, Base64Room())
    buffers = .allocate(capacity: 64)
    buffers.initialize(repeating: UnsafeRawBufferPointer(start: nil, count: 0), count: 64)
    candidates = .allocate(capacity: Self.candidateLimit)
    stamps = .allocate(capacity: max(set.image.rules.count, 1))
    stamps.initialize(repeating: 0, count: max(set.image.rules.count, 1))
    // Zero pages cost nothing before they are touched.
    talks = Self.zeroed(Self.placeLimit)
    checked = Self.zeroed(Self.placeLimit)
    wanted = (Self.wanted(set.image, toServer: true), Self.wanted(set.image, toServer: false))
    lookedAt = (0..<set.image.groups.count).reduce(0) {
      $0 | 1 &<< UInt64(set.image.groups[$1].buffer)
    }
    super.init()
  }

  func looks(at buffer: StickyBuffer) -> Bool { lookedAt & 1 &<< UInt64(buffer.code) != 0 }

  deinit {
    for place in 0..<Self.placeLimit where checked[place] & 128 != 0 { talks[place]?.release() }
    scanner.free()
    memo.free()
    segment.free()
    run.variables.deallocate()
    buffers.deallocate()
    candidates.deallocate()
    stamps.deallocate()
    free(talks)
    free(checked)
  }

  private static func zeroed<Value>(_ count: Int) -> UnsafeMutablePointer<Value> {
    guard let room = calloc(count, MemoryLayout<Value>.stride) else {
      preconditionFailure("no memory for \(count) flows")
    }
    return room.bindMemory(to: Value.self, capacity: count)
  }

  private static func wanted(_ image: RuleImage, toServer: Bool) -> [Int] {
    StickyBuffer.allCases.indices.filter { code in
      let scan = image.scans[ScanPoint.buffer(code, toServer: toServer).place]
      return scan.databaseCount > 0 || !scan.always.isEmpty
    }
  }

  public var statistics: SignatureStatistics {
    var result = counts
    result.exhausted = expressions.exhausted
    result.lost &+= settlement.losses &+ scanner.hits.pointee.lost
    return result
  }

  public func clearMatches() { matches.removeAll(keepingCapacity: true) }

  func countEvaluation() { counts.evaluations &+= 1 }

  func tell(_ match: SignatureMatch) {
    counts.matches &+= 1
    keep(match)
  }

  func keep(_ match: SignatureMatch) {
    guard matches.count < Self.matchLimit else {
      counts.lost &+= 1
      return
    }
    matches.append(match)
  }

  // MARK: Candidates

  /// A new message: every rule may answer again.
  func beginCandidates() {
    candidateCount = 0
    stamp &+= 1
    if stamp == 0 {
      stamps.update(repeating: 0, count: max(image.rules.count, 1))
      stamp = 1
    }
    head.enter(scene)
  }

  @inline(__always) func add(_ rule: Int32) {
    guard stamps[Int(rule)] != stamp else { return }
    stamps[Int(rule)] = stamp
    guard head.passes(image.rules.base + Int(rule), scene) else { return }
    guard candidateCount < Self.candidateLimit else {
      counts.lost &+= 1
      return
    }
    candidates[candidateCount] = rule
    candidateCount &+= 1
  }

  @inline(__always) func add(_ list: Span) {
    for place in Int(list.start)..<list.end { add(image.ruleLists[place]) }
  }

  /// Adds the rules whose content stands in the bytes, and those that look at them in any case.
  ///
  /// - Parameter new: bytes at the end that were not searched before.
  @inline(__always) func search(
    _ point: ScanPoint, _ bytes: UnsafeRawBufferPointer, new: Int = .max
  ) {
    scan(point, bytes, new: new)
    addFound(
      point,
      UnsafeBufferPointer(
        start: scanner.hits.pointee.patterns, count: scanner.hits.pointee.count))
  }

  /// The same at two points that share a database.
  func search(_ point: ScanPoint, and other: ScanPoint, _ bytes: UnsafeRawBufferPointer) {
    search(point, bytes)
    addFound(
      other,
      UnsafeBufferPointer(
        start: scanner.hits.pointee.patterns, count: scanner.hits.pointee.count))
  }

  /// Leaves the patterns of the point's database that stand in the bytes in `scanner.hits`.
  @inline(__always) private func scan(
    _ point: ScanPoint, _ bytes: UnsafeRawBufferPointer, new: Int = .max
  ) {
    let scan = image.scans.base + point.place
    guard scan.pointee.databaseCount > 0, bytes.count >= scan.pointee.shortest,
      new > ContentTails.newLimit || mayEnd(inLast: new, of: bytes, scan)
    else {
      scanner.hits.pointee.count = 0
      return
    }
    guard point.isBuffer, bytes.count <= ScanMemo.lengthLimit else {
      return scanner.scan(point, bytes)
    }
    if memo.recall(point, bytes, into: scanner.hits) { return }
    scanner.scan(point, bytes)
    memo.keep(point, bytes, scanner.hits)
  }

  /// Whether few new bytes can complete a content.
  private func mayEnd(
    inLast new: Int, of bytes: UnsafeRawBufferPointer, _ scan: UnsafePointer<ScanRecord>
  ) -> Bool {
    guard scan.pointee.tails >= 0 else { return true }
    return ContentTails.mayEnd(
      inLast: new, of: bytes, image.tails.base + Int(scan.pointee.tails),
      shortest: Int(scan.pointee.shortest))
  }

  /// Adds the point's rules for some patterns, and those that look at its bytes in any case.
  @inline(__always) private func addFound(
    _ point: ScanPoint, _ patterns: UnsafeBufferPointer<UInt32>
  ) {
    let scan = image.scans.base + point.place
    let first = Int(scan.pointee.patterns.start)
    for pattern in patterns { add(image.patternRules[first &+ Int(pattern)]) }
    if !scan.pointee.always.isEmpty { add(scan.pointee.always) }
  }

  /// The scan point, or its bank for the scene; nil where there is none.
  @inline(__always) private func bank(
    _ part: SegmentSearch.Part, _ point: ScanPoint
  ) -> ScanPoint? {
    switch part {
    case .point: point
    case .application: banks.bank(application: scene.application, point)
    case .source: banks.bank(scene.sourcePort, isSource: true, point)
    case .destination: banks.bank(scene.destinationPort, isSource: false, point)
    }
  }

  /// The same for payload, whose scan points have banks.
  func searchPayload(_ point: ScanPoint, _ bytes: UnsafeRawBufferPointer) {
    for part in SegmentSearch.Part.allCases {
      if let place = bank(part, point) { search(place, bytes, new: bytes.count) }
    }
  }

  /// Searches a TCP packet, and keeps what is found for its stream.
  ///
  /// - Parameter bytes: those that `segment` wants to be searched.
  func searchSegment(_ bytes: UnsafeRawBufferPointer) {
    let point = ScanPoint.packet(toServer: scene.isFromClient)
    for part in SegmentSearch.Part.allCases {
      guard let place = bank(part, point) else {
        segment.keep(part, scanner.hits.pointee.patterns, 0)
        continue
      }
      search(place, bytes, new: scene.payloadCount)
      segment.keep(part, scanner.hits.pointee.patterns, scanner.hits.pointee.count)
    }
  }

  /// Searches the newest bytes of a stream, or takes up what was found in them as a packet.
  ///
  /// - Parameters:
  ///   - piece: what the stream got.
  ///   - start: offset in the stream of the first byte to search.
  func searchStream(
    _ bytes: UnsafeRawBufferPointer, from start: UInt64, piece: UnsafeRawBufferPointer
  ) {
    let point = ScanPoint.stream(toServer: scene.isFromClient)
    guard segment.take(piece, from: start, count: bytes.count, in: scene) else {
      return searchPayload(point, bytes)
    }
    for part in SegmentSearch.Part.allCases {
      guard let place = bank(part, point) else { continue }
      if part == .application, segment.application != scene.application {
        search(place, bytes)
      } else {
        addFound(place, segment.found(part))
      }
    }
  }

  // MARK: Talks

  func talk(_ place: Int) -> Talk? {
    guard place < Self.placeLimit else { return nil }
    return talks[place]?.takeUnretainedValue()
  }

  @inline(__always) func hasTalk(_ place: Int) -> Bool {
    place < Self.placeLimit && talks[place] != nil
  }

  /// Lends the flow's talk, if it has one.
  @inline(__always) func withTalk(_ place: Int, _ body: (Talk) -> Void) {
    guard place < Self.placeLimit else { return }
    talks[place]?._withUnsafeGuaranteedRef(body)
  }

  /// The flow's talk, begun if need be.
  func admitTalk(_ place: Int) -> Talk? {
    if let known = talk(place) { return known }
    guard place < Self.placeLimit else { return nil }
    let talk = pool.popLast() ?? Talk()
    talks[place] = Unmanaged.passRetained(talk)
    checked[place] |= 128
    talk.client = scene.isFromClient ? scene.source : scene.destination
    talk.server = scene.isFromClient ? scene.destination : scene.source
    talk.clientPort = scene.isFromClient ? scene.sourcePort : scene.destinationPort
    talk.serverPort = scene.isFromClient ? scene.destinationPort : scene.sourcePort
    return talk
  }

  private func forget(_ place: Int) {
    checked[place] = 0
    guard let held = talks[place] else { return }
    talks[place] = nil
    let talk = held.takeRetainedValue()
    guard pool.count < Self.poolLimit else { return }
    talk.clear()
    pool.append(talk)
  }

  // MARK: Traffic

  public override func foresee(_ first: Int, _ second: Int, _ third: Int) {
    if first >= 0, first < Self.placeLimit { beryl_prefetch(talks + first) }
    if second >= 0, second < Self.placeLimit, let talk = talks[second] {
      beryl_prefetch(talk.toOpaque())
      beryl_prefetch(talk.toOpaque() + 64)
    }
    if third >= 0 {
      withTalk(third) { talk in
        beryl_prefetch(Unmanaged.passUnretained(talk.toServer).toOpaque())
        beryl_prefetch(Unmanaged.passUnretained(talk.toClient).toOpaque())
      }
    }
  }

  public override func inspect(_ packet: borrowing InspectedPacket) { inspectPacket(packet) }

  public override func stream(
    _ bytes: UnsafeRawBufferPointer, place: Int, isFromClient: Bool, kind: SessionProtocol,
    index: UInt64, time: CaptureTime
  ) -> Bool {
    if !hasTalk(place), admitTalk(place) == nil { return false }
    var wantsMore = false
    // Lent: nobody counts references to it for each segment.
    withTalk(place) { talk in
      guard !talk.isDone else { return }
      talk.lastIndex = index
      enter(talk, place: place, toServer: isFromClient, index: index, time: time)
      wantsMore = read(bytes, talk, toServer: isFromClient, kind: kind)
    }
    return wantsMore
  }

  public override func lost(_ count: UInt64, place: Int, isFromClient: Bool) {
    guard let talk = talk(place) else { return }
    talk.window(toServer: isFromClient).lose(count)
    talk.http?.lose(count, toServer: isFromClient)
    talk.tls?.lose(toServer: isFromClient)
  }

  public override func closed(place: Int, time: CaptureTime) {
    guard place < Self.placeLimit, checked[place] != 0 else { return }
    if let talk = talk(place), let http = talk.http {
      enter(talk, place: place, toServer: true, index: talk.lastIndex, time: time)
      http.finish(self)
    }
    forget(place)
  }
}
