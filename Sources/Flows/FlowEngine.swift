import Packets
import Terms

/// Packets to flow events: decoding, IP defragmentation, the flow table and its timeouts.
///
/// The caller gives packets with `take`, and drains `events` whenever `needsDrain` says so and
/// after each `flush`; nothing is lost if it does not, the buffer grows. Events come in event-time
/// order and depend on the packets alone, never on where the input was cut by `flush`, `advance` or
/// draining.
///
/// Three stages run at once so that no packet waits for memory: decode, look up, update (see
/// `PacketRing`).
public struct FlowEngine: ~Copyable {
  let limits: FlowLimits
  let ring = PacketRing()
  var table: FlowTable
  var buffer = EventBuffer()
  var defragmenter: Defragmenter
  var timeouts: FlowTimeouts
  var sessions: SessionTable
  /// Reads all payload, if there is one; see `attach`. The sessions hold it, so that nobody counts
  /// references to it for each packet.
  var inspector: Unmanaged<TrafficInspector>?
  var counts = FlowStatistics()
  /// The packet from which on the capture shows received segments merged by the host it is made on.
  var mergedSince = UInt64.max
  /// Packets given, looked up and updated.
  private var taken: UInt64 = 0
  private var looked: UInt64 = 0
  private var updated: UInt64 = 0
  /// Flows that `finish` has yet to close, last one first; nil before.
  var remaining: [FlowOpening]?
  /// Index of the newest packet updated.
  private(set) var newestIndex: UInt64 = 0
  /// Time of the newest packet given.
  private var arrivals = ArrivalClock()

  public init(limits: FlowLimits = .standard) {
    self.limits = limits
    table = FlowTable(limits: limits)
    defragmenter = Defragmenter(limits: limits)
    timeouts = FlowTimeouts(limits: limits)
    sessions = SessionTable(limits: limits.sessions, flows: limits.capacity)
  }

  /// The time that events have reached: later ones are not before it. `.distantPast` before the
  /// first packet.
  public var time: CaptureTime {
    timeouts.clock == .min ? .distantPast : CaptureTime(nanoseconds: timeouts.clock)
  }

  public var events: UnsafeBufferPointer<FlowEvent> {
    UnsafeBufferPointer(start: buffer.base, count: buffer.count)
  }

  /// What was said in the flows, in event-time order: an event here and one of `events` with the
  /// same time are of the same packet or instant.
  public var sessionEvents: [SessionEvent] { sessions.output.events }

  /// Whether enough events wait to be worth a batch.
  @inline(__always) public var needsDrain: Bool {
    buffer.count >= EventBuffer.drainThreshold
      || sessions.output.events.count >= SessionOutput.drainThreshold
  }

  public mutating func clearEvents() { buffer.clear() }
  public mutating func clearSessionEvents() { sessions.output.clear() }

  public var statistics: FlowStatistics {
    var result = counts
    result.flows = table.count
    result.peakFlows = table.peak
    result.fragments = defragmenter.statistics
    result.sessions = sessions.statistics
    result.checksums.refused &+= defragmenter.brokenHeaders
    result.clampedTimes = arrivals.clampedTimes
    result.doubtedTimes = arrivals.doubtedTimes
    return result
  }

  /// Takes in the next frame; its events may come only some packets later, or with `flush`.
  ///
  /// - Parameters:
  ///   - bytes: the captured bytes; not needed after the call, unless they last.
  ///   - time: clamped to the newest time so far, and counted, when it lies before it; see
  ///     `ArrivalClock`.
  ///   - lasts: the bytes stay where they are until the next `flush`: nothing is copied then.
  /// - Returns: `needsDrain`. Asking for it from outside would copy the whole engine.
  @discardableResult
  public mutating func take(
    _ bytes: UnsafeRawBufferPointer, linkType: LinkType, wireLength: UInt32, time: CaptureTime,
    lasts: Bool = false
  ) -> Bool {
    let slot = ring.slots + PacketRing.position(taken)
    PacketDecoder.decode(
      bytes, linkType: linkType, wireLength: wireLength, time: arrivals.arrival(time), index: taken,
      into: &slot.pointee.packet)
    prepare(slot, bytes, lasts: lasts)
    taken &+= 1
    if taken &- looked > PacketRing.lookDistance { look() }
    if taken &- updated > PacketRing.updateDistance { update() }
    return needsDrain
  }

  /// Takes in a packet that `SharedIntake` has decoded, whose index and time are its place among the
  /// packets of all engines that share a capture.
  ///
  /// - Parameters:
  ///   - bytes: what it was decoded from; not needed after the call.
  ///   - share: what of it is this engine's.
  mutating func take(
    _ packet: UnsafePointer<Packet>, _ bytes: UnsafeRawBufferPointer, _ share: PacketShare
  ) {
    let slot = ring.slots + PacketRing.position(taken)
    slot.pointee.packet = packet.pointee
    arrivals.set(packet.pointee.time)
    slot.clear()
    if share.contains(.quotedOnly) {
      noteQuoted(slot, bytes)
      slot.pointee.remark = .elsewhere
    } else {
      if share.contains(.datagram) {
        noteDatagram(slot, bytes)
      } else {
        noteFrame(slot, bytes, lasts: false)
      }
      if share.contains(.forged) { slot.pointee.remark = .overlap }
      if share.contains(.quotedElsewhere) { slot.pointee.remark = .none }
      askForFlow(slot)
    }
    taken &+= 1
    if taken &- looked > PacketRing.lookDistance { look() }
    if taken &- updated > PacketRing.updateDistance { update() }
  }

  /// Brings every packet taken so far to its end.
  public mutating func flush() {
    while looked < taken { look() }
    while updated < taken { update() }
  }

  /// Says that time has passed without packets: timeouts due by `time` become events.
  public mutating func advance(to time: CaptureTime) {
    flush()
    arrivals.advance(to: time)
    if let now = arrivals.newest { runTimeouts(upTo: now.nanoseconds) }
  }

  /// Ends the capture: unanswered first contacts are judged, then every flow still open is closed,
  /// in the order in which they opened.
  ///
  /// - Parameter batch: flows to close in this call; less than all keeps the buffer small.
  /// - Returns: whether the capture has ended; if not, drain and call again.
  @discardableResult
  public mutating func finish(closing batch: Int = .max) -> Bool {
    beginFinish()
    return closeRemaining(atMost: batch)
  }

  /// First stage: what needs the frame's bytes, and the hash.
  @inline(__always) private mutating func prepare(
    _ slot: UnsafeMutablePointer<PacketRing.Slot>, _ bytes: UnsafeRawBufferPointer, lasts: Bool
  ) {
    counts.packets &+= 1
    counts.bytes &+= UInt64(slot.pointee.packet.wireLength)
    slot.clear()
    if !slot.pointee.packet.malformations.isEmpty {
      counts.malformations.count(slot.pointee.packet.malformations)
    }
    noteFrame(slot, bytes, lasts: lasts)
    if slot.pointee.packet.content == .fragment { defragment(slot, bytes) }
    askForFlow(slot)
  }

  /// Keeps what later stages need of a frame.
  @inline(__always) private mutating func noteFrame(
    _ slot: UnsafeMutablePointer<PacketRing.Slot>, _ bytes: UnsafeRawBufferPointer, lasts: Bool
  ) {
    switch slot.pointee.packet.content {
    case .ip:
      noteQuoted(slot, bytes)
      keepPayload(of: bytes, isFrame: true, lasts: lasts)
      noteChecksum(slot, bytes)
    case .fragment: break
    case .arp: counts.arpPackets &+= 1
    case .other, .control: counts.otherFrames &+= 1
    }
  }

  @inline(__always) private mutating func askForFlow(
    _ slot: UnsafeMutablePointer<PacketRing.Slot>
  ) {
    guard slot.pointee.packet.content == .ip else { return }
    counts.ipPackets &+= 1
    slot.pointee.hash = table.hash(FlowKey(slot.pointee.packet))
    table.prefetchBucket(slot.pointee.hash)
  }

  /// Second stage: the bucket is here, the flow is asked for.
  @inline(__always) private mutating func look() {
    let slot = ring.slots + PacketRing.position(looked)
    looked &+= 1
    guard slot.pointee.packet.content == .ip else { return }
    let place = table.candidate(slot.pointee.hash)
    slot.pointee.candidate = Int32(truncatingIfNeeded: place)
    if place >= 0 { table.prefetchFlow(place) }
  }

  /// Third stage: time moves to the packet, then the packet counts.
  @inline(__always) private mutating func update() {
    let position = PacketRing.position(updated)
    let slot = ring.slots + position
    updated &+= 1
    let now = slot.pointee.packet.time.nanoseconds
    if now >= timeouts.next { runTimeouts(upTo: now) }
    timeouts.clock = now
    newestIndex = slot.pointee.packet.index
    enter(EventOrder(.packet, packet: newestIndex))
    if let inspector {
      let places = (candidate(in: 18), candidate(in: 12), candidate(in: 6))
      inspector._withUnsafeGuaranteedRef { $0.foresee(places.0, places.1, places.2) }
    }
    switch slot.pointee.packet.content {
    case .ip:
      if slot.pointee.remark != .elsewhere { track(slot, position) }
      switch slot.pointee.remark {
      case .unreachable, .elsewhere:
        enter(EventOrder(.packet, packet: newestIndex, isQuoted: true))
        refuseQuoted(ring.quoted[position], packet: slot.pointee.packet.index)
      case .notice: tellNotice(ring.notices[position], slot.pointee.packet)
      case .none, .overlap: break
      }
    case .arp: tellARP(slot.pointee.packet)
    case .fragment:
      if slot.pointee.remark == .overlap { tellOverlap(slot.pointee.packet) }
      if defragmenter.hasLosses { tellLosses(upTo: slot.pointee.packet) }
    case .control: tellControl(slot.pointee.packet)
    case .other: break
    }
  }

  /// The probable place of the flow of a packet that comes so many packets later; -1 if there is none
  /// as far as is known.
  @inline(__always) private func candidate(in distance: UInt64) -> Int {
    let number = updated &+ distance
    guard number < looked else { return -1 }
    let slot = ring.slots + PacketRing.position(number)
    return slot.pointee.packet.content == .ip ? Int(slot.pointee.candidate) : -1
  }

  /// What is told from now on has this place among the events of its time.
  @inline(__always) mutating func enter(_ order: EventOrder) {
    sessions.output.order = order
    let now = timeouts.clock
    inspector?._withUnsafeGuaranteedRef { $0.enter(order, at: now) }
  }

  private mutating func defragment(
    _ slot: UnsafeMutablePointer<PacketRing.Slot>, _ bytes: UnsafeRawBufferPointer
  ) {
    switch defragmenter.take(slot.pointee.packet, bytes) {
    case .waiting: break
    case .overlap: slot.pointee.remark = .overlap
    case .whole(let first, let data):
      slot.pointee.packet = first
      data.withUnsafeBytes { datagram in
        PacketDecoder.decodeReassembled(datagram, into: &slot.pointee.packet)
        noteDatagram(slot, datagram)
      }
    }
  }

  /// Keeps what later stages need of a datagram put together from fragments.
  private mutating func noteDatagram(
    _ slot: UnsafeMutablePointer<PacketRing.Slot>, _ datagram: UnsafeRawBufferPointer
  ) {
    guard slot.pointee.packet.content == .ip else { return }
    noteChecksum(slot, datagram, isWhole: true)
    // Here a sound transport header begins at offset 0, which elsewhere says that there is none.
    if slot.pointee.packet.payloadOffset > 0 { slot.pointee.packet.transportOffset = 1 }
    noteQuoted(slot, datagram)
    keepPayload(of: datagram, isFrame: false, lasts: false)
  }

  @inline(__always) private func keepPayload(
    of bytes: UnsafeRawBufferPointer, isFrame: Bool, lasts: Bool
  ) {
    let position = PacketRing.position(taken)
    guard inspector == nil else {
      return ring.keepForInspection(position, of: bytes, isFrame: isFrame, lasts: lasts)
    }
    ring.keepPayload(position, of: bytes, lasts: lasts)
  }

  /// Keeps the key of the flow that an ICMP error complains of, or what a message tells of
  /// neighbours.
  @inline(__always) private mutating func noteQuoted(
    _ slot: UnsafeMutablePointer<PacketRing.Slot>, _ bytes: UnsafeRawBufferPointer
  ) {
    if NeighbourNotice.isHeld(in: slot.pointee.packet) {
      let notice = ring.notices + PacketRing.position(taken)
      if NeighbourNotice.decode(bytes, of: slot.pointee.packet, into: &notice.pointee) {
        slot.pointee.remark = .notice
      }
      return
    }
    guard slot.pointee.packet.isICMPError, let key = Self.quotedKey(slot.pointee.packet, bytes)
    else { return }
    ring.quoted[PacketRing.position(taken)] = key
    slot.pointee.remark = .unreachable
  }

  /// The flow that an ICMP error complains of; nil where it says nothing of a flow's end.
  static func quotedKey(_ packet: borrowing Packet, _ bytes: UnsafeRawBufferPointer) -> FlowKey? {
    var inner = Packet()
    guard !NeighbourNotice.isHeld(in: packet), ICMPExchange.isUnreachable(packet),
      PacketDecoder.decodeEmbedded(bytes, of: packet, into: &inner), inner.transportOffset != 0
    else { return nil }
    return FlowKey(inner)
  }
}
