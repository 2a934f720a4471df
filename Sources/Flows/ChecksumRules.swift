import Packets
import Terms

/// Which packets their target would have thrown away for a wrong checksum: they must not change a
/// flow's state, nor be read (Ptacek and Newsham, "Insertion, Evasion, and Denial of Service",
/// 1998, 3.2 and 5.1).
///
/// A wrong checksum does not always come from the wire. Where the capture is made on a host, that
/// host's own packets are taken before its adapter completes their checksums, and received segments
/// after the host has merged several into one. So the rule is by flow and direction:
///
/// - A direction that has shown a right checksum (on a SYN, or on payload) can do it: its wrong
///   packets are refused.
/// - A direction that has shown only wrong ones, and was answered, leaves them to its adapter: whoever
///   answered took them. All its packets count, now and later.
/// - As long as neither is known, packets count.
/// - Segments longer than a frame were merged, or are yet to be cut, by the host: they count. Where
///   such are seen with a checksum half done, shorter ones half done count as well.
extension FlowEngine {
  /// Frames longer than this cannot have crossed a usual link.
  static let frameLimit: UInt32 = 1522

  /// Whether a packet of the flow at `place` is one that its target takes; what it shows of its
  /// sender is remembered.
  @inline(__always) mutating func isSound(
    _ place: Int, _ direction: FlowDirection, _ position: Int
  ) -> Bool {
    let slot = ring.slots + position
    guard slot.pointee.checksum.standing != .absent else { return true }
    let record = table.records + place
    record.pointee.noteAnswer(by: direction)
    if slot.pointee.checksum.isRight(with: ring.payload(position)) {
      counts.checksums.right &+= 1
      if slot.pointee.payloadCount > 0 || slot.pointee.packet.tcpFlags.contains(.syn) {
        record.pointee.noteRight(direction)
      }
      return true
    }
    return excuses(slot, record, direction)
  }

  /// Whether a wrong checksum is the capture's doing.
  private mutating func excuses(
    _ slot: UnsafeMutablePointer<PacketRing.Slot>, _ record: UnsafeMutablePointer<FlowRecord>,
    _ direction: FlowDirection
  ) -> Bool {
    counts.checksums.wrong &+= 1
    record.pointee.noteWrong(direction)
    if record.pointee.leavesChecksums(direction) { return true }
    if slot.pointee.packet.wireLength > Self.frameLimit { return true }
    if slot.pointee.checksum.isHalfway, slot.pointee.packet.index >= mergedSince { return true }
    guard record.pointee.makesChecksums(direction) else { return true }
    counts.checksums.refused &+= 1
    return false
  }

  /// First stage: sums up the headers of a packet while they are at hand.
  ///
  /// - Parameter isWhole: `bytes` are a datagram put together from fragments, without its IP header.
  @inline(__always) mutating func noteChecksum(
    _ slot: UnsafeMutablePointer<PacketRing.Slot>, _ bytes: UnsafeRawBufferPointer,
    isWhole: Bool = false
  ) {
    slot.pointee.checksum = Self.checksum(slot.packet, bytes, isWhole: isWhole)
    if slot.pointee.packet.wireLength > Self.frameLimit, slot.pointee.checksum.isHalfway {
      mergedSince = min(mergedSince, slot.pointee.packet.index)
    }
  }

  @inline(__always) static func checksum(
    _ packet: UnsafePointer<Packet>, _ bytes: UnsafeRawBufferPointer, isWhole: Bool
  ) -> ChecksumPart {
    // A bare acknowledgement proves nothing and carries nothing, and every other packet is one.
    if packet.pointee.payloadLength == 0, packet.pointee.tcpFlags == .ack { return ChecksumPart() }
    return ChecksumPart(
      packet, bytes, start: Int(packet.pointee.transportOffset),
      network: isWhole ? nil : Int(packet.pointee.networkOffset))
  }
}

extension FlowRecord {
  private static func mark(_ kind: UInt64, _ direction: FlowDirection) -> UInt64 {
    1 &<< (58 &+ kind &* 2 &+ (direction == .out ? 0 : 1))
  }

  private func has(_ kind: UInt64, _ direction: FlowDirection) -> Bool {
    targetWord & Self.mark(kind, direction) != 0
  }

  /// Whether the sender has shown right checksums, or only wrong ones that were answered.
  func makesChecksums(_ direction: FlowDirection) -> Bool { has(0, direction) }
  func leavesChecksums(_ direction: FlowDirection) -> Bool { has(2, direction) }

  @inline(__always) mutating func noteRight(_ direction: FlowDirection) {
    targetWord |= Self.mark(0, direction)
  }

  mutating func noteWrong(_ direction: FlowDirection) { targetWord |= Self.mark(1, direction) }

  /// A packet from `direction` shows that the other side's came through.
  @inline(__always) mutating func noteAnswer(by direction: FlowDirection) {
    let other = direction.other
    guard has(1, other), !has(0, other) else { return }
    targetWord |= Self.mark(2, other)
  }
}
