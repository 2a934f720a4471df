import Packets
import Terms

/// What comes before the engines that share a capture: frames are decoded, and each is handed to the
/// engine of the two hosts that it passes between.
///
/// Whatever depends on the order of all packets is decided here, as one engine would decide it: event
/// time, which fragments make a datagram, and since when the capture shows merged segments.
public struct SharedIntake: ~Copyable {
  public let engineCount: Int
  private var clock = ArrivalClock()
  private var defragmenter: Defragmenter
  private let packet: UnsafeMutablePointer<Packet>
  private var counts = FlowStatistics()
  private var mergedSince = UInt64.max

  public init(engines: Int, limits: FlowLimits) {
    engineCount = min(max(engines, 1), HostPair.shardCount)
    defragmenter = Defragmenter(limits: limits)
    packet = .allocate(capacity: 1)
    packet.initialize(to: Packet())
  }

  deinit { packet.deallocate() }

  /// Event time of the newest frame; nil before the first.
  public var newest: CaptureTime? { clock.newest }

  /// Time has passed without frames.
  public mutating func advance(to time: CaptureTime) { clock.advance(to: time) }

  /// Takes in the next frame.
  ///
  /// - Parameters:
  ///   - rounds: one for each engine, none of them full.
  /// - Returns: whether one of them is full now.
  public mutating func take(
    _ bytes: UnsafeRawBufferPointer, linkType: LinkType, wireLength: UInt32, time: CaptureTime,
    into rounds: UnsafeMutablePointer<FrameRound>
  ) -> Bool {
    PacketDecoder.decode(
      bytes, linkType: linkType, wireLength: wireLength, time: clock.arrival(time),
      index: counts.packets, into: &packet.pointee)
    counts.packets &+= 1
    counts.bytes &+= UInt64(packet.pointee.wireLength)
    if !packet.pointee.malformations.isEmpty {
      counts.malformations.count(packet.pointee.malformations)
    }
    guard packet.pointee.content == .fragment else { return hand(bytes, [], rounds) }
    return takeFragment(bytes, rounds)
  }

  private mutating func takeFragment(
    _ bytes: UnsafeRawBufferPointer, _ rounds: UnsafeMutablePointer<FrameRound>
  ) -> Bool {
    let outcome = defragmenter.take(packet.pointee, bytes)
    if case .whole(let first, let data) = outcome {
      packet.pointee = first
      return data.withUnsafeBytes { datagram in
        PacketDecoder.decodeReassembled(datagram, into: &packet.pointee)
        return hand(datagram, .datagram, rounds)
      }
    }
    var isForged = false
    if case .overlap = outcome { isForged = true }
    let engine = self.engine(packet.pointee.source, packet.pointee.target)
    while let loss = defragmenter.nextLoss(upTo: packet.pointee.index) { rounds[engine].add(loss) }
    rounds[engine].add(
      packet, UnsafeRawBufferPointer(start: nil, count: 0), isForged ? .forged : [])
    return rounds[engine].isFull
  }

  /// Gives the packet to its engine, and to that of the flow which it quotes.
  @inline(__always) private mutating func hand(
    _ bytes: UnsafeRawBufferPointer, _ share: PacketShare,
    _ rounds: UnsafeMutablePointer<FrameRound>
  ) -> Bool {
    guard packet.pointee.content == .ip else {
      // Frames without addresses, and ARP.
      rounds[0].add(packet, bytes, share)
      return rounds[0].isFull
    }
    if packet.pointee.wireLength > FlowEngine.frameLimit { noteMerged(bytes, share, rounds) }
    let engine = self.engine(packet.pointee.source, packet.pointee.target)
    guard packet.pointee.isICMPError, let key = FlowEngine.quotedKey(packet.pointee, bytes),
      case let other = self.engine(key.source, key.target), other != engine
    else {
      rounds[engine].add(packet, bytes, share)
      return rounds[engine].isFull
    }
    rounds[engine].add(packet, bytes, share.union(.quotedElsewhere))
    rounds[other].add(packet, bytes, share.union(.quotedOnly))
    return rounds[engine].isFull || rounds[other].isFull
  }

  @inline(__always) private func engine(_ one: IPAddress, _ other: IPAddress) -> Int {
    HostPair.shard(one, other) &* engineCount / HostPair.shardCount
  }

  private mutating func noteMerged(
    _ bytes: UnsafeRawBufferPointer, _ share: PacketShare,
    _ rounds: UnsafeMutablePointer<FrameRound>
  ) {
    guard mergedSince == .max,
      FlowEngine.checksum(packet, bytes, isWhole: share.contains(.datagram)).isHalfway
    else { return }
    mergedSince = packet.pointee.index
    for engine in 0..<engineCount { rounds[engine].mergedSince = mergedSince }
  }

  /// The counts of all engines, with what only their intake knows.
  public func statistics(of engines: UnsafeMutableBufferPointer<FlowEngine>) -> FlowStatistics {
    var sum = engines.indices.dropFirst().reduce(engines[0].statistics) {
      $0 + engines[$1].statistics
    }
    sum.packets = counts.packets
    sum.bytes = counts.bytes
    sum.malformations = counts.malformations
    sum.clampedTimes = clock.clampedTimes
    sum.doubtedTimes = clock.doubtedTimes
    sum.fragments = defragmenter.statistics
    sum.checksums.refused &+= defragmenter.brokenHeaders
    return sum
  }
}
