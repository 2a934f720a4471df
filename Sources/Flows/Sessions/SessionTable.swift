import Packets
import Terms

/// Payload to session events: TCP by reassembly, UDP datagram by datagram, and only for flows that
/// a parser still wants to read.
struct SessionTable: ~Copyable {
  /// Sessions looked at for one that gives way in a full table.
  private static let sampleSize = 32

  /// Conversations that may begin without a handshake, and datagrams of unknown protocols that are
  /// sampled, in one second and of one shard of pairs: a flood of forged packets makes more.
  private static let unprovenLimit = 64
  private static let sampleLimit = 64

  let limits: SessionLimits
  private var unproven = HostPairBudgets(limit: SessionTable.unprovenLimit)
  var samples = HostPairBudgets(limit: SessionTable.sampleLimit)
  /// One for each place of the flow table.
  let marks: UnsafeMutablePointer<SessionMark>
  private let markCount: Int
  let sessions: UnsafeMutablePointer<Session?>
  /// Two for each session.
  let streams: UnsafeMutablePointer<SegmentStream>
  let histories: UnsafeMutablePointer<UInt8>
  private var free: [Int32] = []
  /// Places at and above were never used.
  private var used = 0
  private var sampleHand = 0
  var output = SessionOutput()
  var statistics = SessionStatistics()
  var inspector: TrafficInspector?

  init(limits: SessionLimits, flows: Int) {
    self.limits = limits
    markCount = flows
    marks = LazyPages.allocate(SessionMark.self, count: flows)
    sessions = .allocate(capacity: limits.sessions)
    streams = .allocate(capacity: limits.sessions * 2)
    histories = LazyPages.allocate(
      UInt8.self, count: limits.sessions * 2 * SegmentStream.historyLength, isHuge: false)
  }

  deinit {
    sessions.deinitialize(count: used)
    streams.deinitialize(count: used * 2)
    sessions.deallocate()
    streams.deallocate()
    LazyPages.free(histories, count: limits.sessions * 2 * SegmentStream.historyLength)
    LazyPages.free(marks, count: markCount)
  }

  /// Takes in a packet of a flow that is not dismissed: payload, or an acknowledgement when
  /// segments wait.
  mutating func take(
    _ place: Int, _ direction: FlowDirection, _ packet: UnsafePointer<Packet>,
    _ payload: UnsafeRawBufferPointer, _ flow: UnsafePointer<Flow>,
    _ record: UnsafePointer<FlowRecord>
  ) {
    guard packet.pointee.transport == .tcp else {
      output.enter(SessionScene(flow, record, packet))
      takeDatagram(
        place, direction, payload, stated: Int(packet.pointee.statedPayloadLength))
      return
    }
    guard !packet.pointee.tcpFlags.contains(.reset) else { return }
    var session = marks[place].place
    if session < 0 {
      guard !payload.isEmpty else { return }
      let state = flow.pointee.state
      let time = packet.pointee.time
      guard
        state.phase == .established && state.hasHandshake
          || unproven.spend(at: time, flow.pointee.source, flow.pointee.target)
      else {
        statistics.unread &+= 1
        return
      }
      session = open(place, flow)
      guard session >= 0 else { return }
      begin(session, flow, record)
    }
    output.enter(SessionScene(flow, record, packet))
    sessions[session]?.lastSeen = packet.pointee.time.nanoseconds
    if sessions[session]?.isReset == true, !payload.isEmpty {
      sessions[session]?.isReset = false
      statistics.revived &+= 1
    }
    if flow.pointee.state.phase == .established, flow.pointee.state.hasHandshake {
      sessions[session]?.isProven = true
    }
    receive(session, direction, packet, payload, firstTimeToLive: record.pointee.timeToLive)
  }

  /// The flow at `place` is over.
  ///
  /// - Parameter lingers: a RST says so, which may be forged, or die before its target: a
  ///   conversation goes on being read until `settle`.
  mutating func close(
    _ place: Int, _ flow: UnsafePointer<Flow>, _ record: UnsafePointer<FlowRecord>,
    packet: UInt64, at time: CaptureTime, lingers: Bool
  ) {
    var kind = marks[place].kind
    guard flow.pointee.transport == TransportProtocol.tcp.number else {
      marks[place] = .dismissed(.unknown)
      return
    }
    var scene = SessionScene(flow, record, at: time)
    scene.packet = packet
    output.enter(scene)
    let session = marks[place].place
    if session >= 0, lingers, Self.outlivesReset(sessions[session]?.parser) {
      kind = sessions[session]?.parser.kind ?? kind
      sessions[session]?.isReset = true
    } else {
      if session >= 0 {
        kind = sessions[session]?.parser.kind ?? kind
        deliverRest(session)
        // Delivering may have dismissed it.
        if let parser = sessions[session]?.parser {
          kind = parser.kind
          parser.finish(&output)
          release(session)
        }
      }
      marks[place] = .dismissed(kind)
    }
    var closing = SessionClosing()
    closing.sessionProtocol = kind
    closing.ending = record.pointee.ending
    closing.isEstablished = record.pointee.wasEstablished && flow.pointee.state.hasHandshake
    closing.bytesOut = record.pointee.payloadOut
    closing.bytesIn = record.pointee.payloadIn
    closing.duration = time - record.pointee.opened
    output.tell(.closed(closing))
  }

  /// Samples are taken once and told at the end, RST or not.
  private static func outlivesReset(_ parser: SessionParser?) -> Bool {
    parser.map { !($0 is PayloadSampler) } ?? false
  }

  /// The flow at `place`, which was reset, leaves the table.
  mutating func settle(
    _ place: Int, _ flow: UnsafePointer<Flow>, _ record: UnsafePointer<FlowRecord>,
    at time: CaptureTime
  ) {
    let session = marks[place].place
    guard session >= 0, sessions[session] != nil else { return }
    output.enter(SessionScene(flow, record, at: time))
    deliverRest(session)
    guard let parser = sessions[session]?.parser else { return }
    parser.finish(&output)
    marks[place] = .dismissed(parser.kind)
    release(session)
  }

  /// Event time passes; called at whole seconds.
  mutating func sweep(
    at time: CaptureTime, _ flows: UnsafePointer<Flow>, _ records: UnsafePointer<FlowRecord>
  ) {
    let now = time.nanoseconds
    var due: [(flow: FlowOpening, session: Int)] = []
    for session in 0..<used {
      guard let flow = sessions[session]?.flow, let parser = sessions[session]?.parser,
        marks[flow].isWaiting || parser.nextTick <= now
      else { continue }
      due.append(
        (FlowOpening(firstPacket: records[flow].firstPacket, place: flow), session))
    }
    due.sort { $0.flow.firstPacket < $1.flow.firstPacket }
    for (flow, session) in due {
      output.order = EventOrder(.tick, packet: flow.firstPacket)
      inspector?.enter(output.order, at: now)
      let place = flow.place
      if marks[place].isWaiting { giveUpGaps(session, flows + place, records + place, at: time) }
      guard let parser = sessions[session]?.parser, parser.nextTick <= now else { continue }
      output.enter(SessionScene(flows + place, records + place, at: time))
      parser.tick(&output)
    }
  }

  /// Nobody wants the flow any more.
  mutating func dismiss(_ session: Int) {
    guard let flow = sessions[session]?.flow else { return }
    marks[flow] = .dismissed(sessions[session]?.parser.kind ?? .unknown)
    release(session)
  }

  /// Brings the bytes held by a session to account; dismisses it when there are too many.
  mutating func account(_ session: Int) {
    guard let parser = sessions[session].map({ Unmanaged.passUnretained($0.parser) }),
      let before = sessions[session]?.held
    else { return }
    // The table holds the parser, and nobody changes the table meanwhile.
    let held =
      parser._withUnsafeGuaranteedRef { $0.held } + streams[session * 2].held
      + streams[session * 2 + 1].held
    if held != before {
      statistics.bytes += held - before
      sessions[session]?.held = held
    }
    guard statistics.bytes > limits.bytes, held > 0 else { return }
    statistics.evicted &+= 1
    dismiss(session)
  }

  private mutating func open(_ place: Int, _ flow: UnsafePointer<Flow>) -> Int {
    var session = used
    if let last = free.popLast() {
      session = Int(last)
    } else if used < limits.sessions {
      sessions.advanced(by: used).initialize(to: nil)
      (streams + used * 2).initialize(repeating: SegmentStream(), count: 2)
      used += 1
    } else {
      guard let victim = victim() else {
        statistics.refused &+= 1
        return -1
      }
      statistics.evicted &+= 1
      dismiss(victim)
      session = Int(free.popLast() ?? 0)
    }
    var parser: SessionParser = Identification(port: flow.pointee.targetPort)
    if let inspector { parser = InspectedParser(parser, inspector, place: place) }
    sessions[session] = Session(flow: place, parser: parser)
    marks[place] = .session(session)
    statistics.opened &+= 1
    statistics.sessions += 1
    statistics.peakSessions = max(statistics.peakSessions, statistics.sessions)
    return session
  }

  /// Of some sessions the one without a handshake, or else the one silent longest.
  private mutating func victim() -> Int? {
    let size = min(Self.sampleSize, used)
    guard size > 0 else { return nil }
    var best: (session: Int, isProven: Bool, lastSeen: Int64)?
    for step in 0..<size {
      let session = (sampleHand + step) % used
      guard let current = sessions[session] else { continue }
      if let best {
        if current.isProven, !best.isProven { continue }
        if current.isProven == best.isProven, current.lastSeen >= best.lastSeen { continue }
      }
      best = (session, current.isProven, current.lastSeen)
    }
    sampleHand = (sampleHand + size) % used
    return best?.session
  }

  private mutating func release(_ session: Int) {
    statistics.bytes -= sessions[session]?.held ?? 0
    sessions[session] = nil
    streams[session * 2] = SegmentStream()
    streams[session * 2 + 1] = SegmentStream()
    statistics.sessions -= 1
    free.append(Int32(truncatingIfNeeded: session))
  }
}
