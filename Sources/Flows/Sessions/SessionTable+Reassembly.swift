import Packets
import Terms

/// TCP segments to streams (RFC 9293, 3.10).
///
/// What comes first counts, as in Linux and Windows; a later segment that says something else for
/// the same place becomes an `overlap`, whatever its target may believe (Ptacek and Newsham,
/// "Insertion, Evasion, and Denial of Service", 1998). Bytes that the capture lost are skipped when
/// the receiver acknowledges what follows them; and, where no acknowledgement is seen, when too much
/// waits behind, or after `SessionLimits.gap`. A receiver that is heard decides alone: segments that
/// it does not want, out of its window or of another conversation, must not displace what it waits
/// for.
extension SessionTable {
  /// Sets the streams to where the handshake says that they begin.
  mutating func begin(
    _ session: Int, _ flow: UnsafePointer<Flow>, _ record: UnsafePointer<FlowRecord>
  ) {
    guard flow.pointee.state.hasHandshake else { return }
    streams[session * 2].vlan = Int32(record.pointee.vlan)
    streams[session * 2].start(at: record.pointee.originSequence &+ 1)
    guard flow.pointee.state.phase == .answered || flow.pointee.state.phase == .established else {
      return
    }
    streams[session * 2 + 1].start(at: flow.pointee.answerSequence &+ 1)
  }

  mutating func receive(
    _ session: Int, _ direction: FlowDirection, _ packet: UnsafePointer<Packet>,
    _ payload: UnsafeRawBufferPointer, firstTimeToLive: UInt8
  ) {
    let stream = streams + session * 2 + direction.index
    if stream.pointee.vlan != Int32(packet.pointee.vlan) {
      guard stream.pointee.vlan < 0 else {
        statistics.foreignSegments &+= 1
        return
      }
      stream.pointee.vlan = Int32(packet.pointee.vlan)
    }
    if packet.pointee.tcpFlags.contains(.ack),
      streams[session * 2 + direction.other.index].waitsForPeer
    {
      acknowledge(session, direction.other, packet.pointee.acknowledgement)
      guard sessions[session] != nil else { return }
    }
    guard !payload.isEmpty, !Self.isPadding(packet, payload) else { return }
    let sequence = packet.pointee.sequence &+ (packet.pointee.tcpFlags.contains(.syn) ? 1 : 0)
    let stated = max(Int(packet.pointee.statedPayloadLength), payload.count)
    if !stream.pointee.isStarted { stream.pointee.start(at: sequence) }
    if packet.pointee.urgentPointer > 0 { markUrgent(session, direction, packet, sequence) }
    let distance = stream.pointee.distance(to: sequence)
    if distance == 0, stream.pointee.waiting.isEmpty {
      stream.pointee.strays = 0
      deliver(session, direction, payload, stated: stated)
      settle(session)
      return
    }
    if abs(Int(distance)) > Int(SegmentStream.window) {
      stray(session, direction, sequence &+ UInt32(truncatingIfNeeded: stated))
      settle(session)
      return
    }
    stream.pointee.strays = 0
    if distance > 0 {
      wait(session, direction, payload, sequence, stated, packet, firstTimeToLive)
    } else {
      overtake(session, direction, payload, -Int(distance), stated, packet, firstTimeToLive)
    }
    deliverWaiting(session, direction)
    settle(session)
  }

  /// Some captures count the zeros that fill a short Ethernet frame as payload of a bare ACK.
  private static func isPadding(
    _ packet: UnsafePointer<Packet>, _ payload: UnsafeRawBufferPointer
  ) -> Bool {
    guard payload.count <= 6, packet.pointee.tcpFlags == .ack, packet.pointee.wireLength <= 64
    else {
      return false
    }
    return payload.allSatisfy { $0 == 0 }
  }

  /// A segment that begins before, or at, the expected place.
  private mutating func overtake(
    _ session: Int, _ direction: FlowDirection, _ payload: UnsafeRawBufferPointer, _ old: Int,
    _ stated: Int, _ packet: UnsafePointer<Packet>, _ firstTimeToLive: UInt8
  ) {
    let stream = streams + session * 2 + direction.index
    // A keep-alive repeats one byte, and any byte will do (RFC 1122, 4.2.3.6).
    let isKeepAlive = old == 1 && stated == 1
    if old > 0, !isKeepAlive {
      compare(session, direction, payload, old, packet, firstTimeToLive)
    }
    guard stated > old else { return }
    let fresh = payload.from(old)
    // First come, first served: what waits ahead cuts this one.
    let sequence = stream.pointee.next
    guard !stream.pointee.waiting.isEmpty else {
      deliver(session, direction, fresh, stated: stated - old)
      return
    }
    wait(session, direction, fresh, sequence, stated - old, packet, firstTimeToLive)
  }

  /// Holds a retransmission against what was delivered.
  private mutating func compare(
    _ session: Int, _ direction: FlowDirection, _ payload: UnsafeRawBufferPointer, _ old: Int,
    _ packet: UnsafePointer<Packet>, _ firstTimeToLive: UInt8
  ) {
    let stream = streams + session * 2 + direction.index
    let history = history(session, direction)
    let mask = UInt64(SegmentStream.historyLength - 1)
    let from = max(0, old - stream.pointee.remembered)
    let to = min(old, payload.count)
    guard from < to, UInt64(old) <= stream.pointee.offset else { return }
    let base = stream.pointee.offset &- UInt64(old)
    var at = from
    while at < to, payload[at] == history[Int((base &+ UInt64(at)) & mask)] { at += 1 }
    guard at < to else { return }
    let before = (at..<min(to, at + SegmentOverlap.sampleLimit)).map {
      history[Int((base &+ UInt64($0)) & mask)]
    }
    tellOverlap(
      direction, at: base &+ UInt64(at), before[...], payload.from(at), packet, firstTimeToLive)
  }

  private mutating func tellOverlap(
    _ direction: FlowDirection, at offset: UInt64, _ before: ArraySlice<UInt8>,
    _ after: UnsafeRawBufferPointer, _ packet: UnsafePointer<Packet>, _ firstTimeToLive: UInt8
  ) {
    statistics.overlaps &+= 1
    var overlap = SegmentOverlap()
    overlap.isFromClient = direction == .out
    overlap.offset = offset
    overlap.before = Array(before.prefix(SegmentOverlap.sampleLimit))
    overlap.after = Array(after.prefix(SegmentOverlap.sampleLimit))
    overlap.timeToLive = packet.pointee.timeToLive
    overlap.firstTimeToLive = firstTimeToLive
    output.tell(.overlap(overlap))
  }

  private mutating func wait(
    _ session: Int, _ direction: FlowDirection, _ payload: UnsafeRawBufferPointer,
    _ sequence: UInt32, _ stated: Int, _ packet: UnsafePointer<Packet>, _ firstTimeToLive: UInt8
  ) {
    let stream = streams + session * 2 + direction.index
    if stream.pointee.waiting.isEmpty {
      stream.pointee.waitsSince = packet.pointee.time.nanoseconds
      stream.pointee.isAcknowledged = false
    }
    if let conflict = stream.pointee.keep(payload, sequence: sequence, stated: stated) {
      let distance = UInt64(max(0, stream.pointee.distance(to: sequence)))
      tellOverlap(
        direction, at: stream.pointee.offset &+ distance &+ UInt64(conflict.offset),
        conflict.before, payload.from(conflict.offset), packet, firstTimeToLive)
    }
    stream.pointee.joinNeighbours()
    guard
      stream.pointee.waiting.count > limits.segments
        || stream.pointee.held > SegmentStream.waitingLimit
    else { return }
    if stream.pointee.isAcknowledged {
      stream.pointee.waiting.removeLast()
      statistics.droppedSegments &+= 1
    } else {
      skipGap(session, direction)
    }
  }

  /// Segments far off the window say that the monitor lost track once they are many, unless the
  /// receiver is heard to want others.
  private mutating func stray(_ session: Int, _ direction: FlowDirection, _ end: UInt32) {
    let stream = streams + session * 2 + direction.index
    statistics.droppedSegments &+= 1
    if stream.pointee.strays == 0 { stream.pointee.isAcknowledged = false }
    stream.pointee.strays += 1
    stream.pointee.strayEnd = end
    guard stream.pointee.strays >= SegmentStream.strayLimit, !stream.pointee.isAcknowledged else {
      return
    }
    restart(session, direction)
  }

  /// The stream begins anew with the next segment.
  private mutating func restart(_ session: Int, _ direction: FlowDirection) {
    let stream = streams + session * 2 + direction.index
    let vlan = stream.pointee.vlan
    stream.pointee = SegmentStream()
    stream.pointee.vlan = vlan
    statistics.gaps &+= 1
    guard let parser = sessions[session]?.parser else { return }
    if !parser.skip(0, direction, &output) { dismiss(session) }
  }

  private mutating func acknowledge(_ session: Int, _ direction: FlowDirection, _ until: UInt32) {
    let stream = streams + session * 2 + direction.index
    stream.pointee.isAcknowledged = true
    if stream.pointee.strays > 0, until == stream.pointee.strayEnd {
      restart(session, direction)
      return
    }
    guard let first = stream.pointee.waiting.first,
      Int32(bitPattern: until &- first.sequence) >= 0
    else { return }
    skipGap(session, direction)
    deliverWaiting(session, direction)
    settle(session)
  }

  /// Gives up the bytes before the first segment that waits.
  private mutating func skipGap(_ session: Int, _ direction: FlowDirection) {
    let stream = streams + session * 2 + direction.index
    guard let first = stream.pointee.waiting.first else { return }
    lose(session, direction, UInt64(max(0, stream.pointee.distance(to: first.sequence))))
  }

  private mutating func lose(_ session: Int, _ direction: FlowDirection, _ count: UInt64) {
    guard count > 0 else { return }
    let stream = streams + session * 2 + direction.index
    stream.pointee.next &+= UInt32(truncatingIfNeeded: count)
    stream.pointee.offset &+= count
    stream.pointee.remembered = 0
    statistics.gaps &+= 1
    statistics.gapBytes &+= count
    guard let parser = sessions[session]?.parser else { return }
    if !parser.skip(count, direction, &output) { dismiss(session) }
  }

  private mutating func deliverWaiting(_ session: Int, _ direction: FlowDirection) {
    let stream = streams + session * 2 + direction.index
    var count = 0
    while sessions[session] != nil, count < stream.pointee.waiting.count {
      let segment = stream.pointee.waiting[count]
      let distance = stream.pointee.distance(to: segment.sequence)
      if distance > 0 { break }
      count += 1
      guard distance == 0 else { continue }
      segment.bytes.withUnsafeBytes { deliver(session, direction, $0, stated: segment.stated) }
    }
    guard sessions[session] != nil, count > 0 else { return }
    stream.pointee.waiting.removeFirst(count)
    stream.pointee.waitsSince = output.scene.time.nanoseconds
  }

  /// Gives bytes at the expected place to the parser, and remembers them.
  private mutating func deliver(
    _ session: Int, _ direction: FlowDirection, _ bytes: UnsafeRawBufferPointer, stated: Int
  ) {
    guard sessions[session] != nil else { return }
    let stream = streams + session * 2 + direction.index
    remember(session, direction, bytes)
    let from = stream.pointee.next
    stream.pointee.next &+= UInt32(truncatingIfNeeded: bytes.count)
    stream.pointee.offset &+= UInt64(bytes.count)
    if let urgent = stream.pointee.urgent, urgent &- from < UInt32(truncatingIfNeeded: bytes.count)
    {
      let at = Int(urgent &- from)
      stream.pointee.urgent = nil
      statistics.urgentBytes &+= 1
      guard at == 0 || feed(session, direction, bytes.first(at)) else { return }
      guard at + 1 == bytes.count || feed(session, direction, bytes.from(at + 1)) else { return }
    } else {
      guard feed(session, direction, bytes) else { return }
    }
    if stated > bytes.count { lose(session, direction, UInt64(stated - bytes.count)) }
  }

  /// Whether the conversation is read on.
  private mutating func feed(
    _ session: Int, _ direction: FlowDirection, _ bytes: UnsafeRawBufferPointer
  ) -> Bool {
    guard let parser = sessions[session].map({ Unmanaged.passUnretained($0.parser) }) else {
      return false
    }
    // The table holds the parser, and nobody changes the table meanwhile.
    if parser._withUnsafeGuaranteedRef({ $0.feed(bytes, direction, &output) }) { return true }
    guard let next = (sessions[session]?.parser as? Identification)?.successor else {
      dismiss(session)
      return false
    }
    sessions[session]?.parser = next.parser
    if !next.wantsMore { dismiss(session) }
    return next.wantsMore
  }

  /// The urgent byte is no part of what most programs read (RFC 6093, 3.1); Telnet and FTP, whose
  /// control connections use it, read it in line.
  private mutating func markUrgent(
    _ session: Int, _ direction: FlowDirection, _ packet: UnsafePointer<Packet>, _ sequence: UInt32
  ) {
    switch sessions[session]?.parser.kind {
    case .telnet, .ftp, nil: return
    default: break
    }
    let stream = streams + session * 2 + direction.index
    stream.pointee.urgent = sequence &+ UInt32(packet.pointee.urgentPointer) &- 1
  }

  private func remember(
    _ session: Int, _ direction: FlowDirection, _ bytes: UnsafeRawBufferPointer
  ) {
    let stream = streams + session * 2 + direction.index
    let history = history(session, direction)
    let length = SegmentStream.historyLength
    let kept = min(bytes.count, length)
    guard kept > 0, let base = bytes.baseAddress else { return }
    let skipped = bytes.count - kept
    let at = Int((stream.pointee.offset &+ UInt64(skipped)) & UInt64(length - 1))
    let head = min(kept, length - at)
    UnsafeMutableRawPointer(history + at).copyMemory(from: base + skipped, byteCount: head)
    UnsafeMutableRawPointer(history).copyMemory(
      from: base + skipped + head, byteCount: kept - head)
    stream.pointee.remembered = min(length, stream.pointee.remembered + kept)
  }

  private func history(
    _ session: Int, _ direction: FlowDirection
  ) -> UnsafeMutablePointer<UInt8> {
    histories + (session * 2 + direction.index) * SegmentStream.historyLength
  }

  /// After a packet: whether acknowledgements matter, and what is held.
  private mutating func settle(_ session: Int) {
    guard let flow = sessions[session]?.flow else { return }
    marks[flow].isWaiting =
      streams[session * 2].waitsForPeer || streams[session * 2 + 1].waitsForPeer
    account(session)
  }

  /// Skips gaps that nothing filled in time.
  mutating func giveUpGaps(
    _ session: Int, _ flow: UnsafePointer<Flow>, _ record: UnsafePointer<FlowRecord>,
    at time: CaptureTime
  ) {
    for direction in [FlowDirection.out, .back] {
      let stream = streams + session * 2 + direction.index
      guard !stream.pointee.waiting.isEmpty, !stream.pointee.isAcknowledged,
        time.nanoseconds &- stream.pointee.waitsSince >= limits.gap.nanoseconds
      else { continue }
      output.enter(SessionScene(flow, record, at: time))
      skipGap(session, direction)
      deliverWaiting(session, direction)
      guard sessions[session] != nil else { return }
    }
    settle(session)
  }

  /// Delivers all that waits, gaps or not.
  mutating func deliverRest(_ session: Int) {
    for direction in [FlowDirection.out, .back] {
      let stream = streams + session * 2 + direction.index
      while sessions[session] != nil, !stream.pointee.waiting.isEmpty {
        skipGap(session, direction)
        deliverWaiting(session, direction)
      }
    }
  }
}

extension FlowDirection {
  var index: Int { self == .out ? 0 : 1 }
  var other: FlowDirection { self == .out ? .back : .out }
}
