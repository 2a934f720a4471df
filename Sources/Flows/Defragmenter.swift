import Packets
import Terms

/// IP fragments to datagrams (RFC 791, RFC 8200 4.5, overlaps as in RFC 5722): bounded in number,
/// bytes, time, and in what one source may take.
struct Defragmenter {
  enum Outcome {
    /// Fragments are missing.
    case waiting
    /// The fragment contradicts others, or its own offsets: said once for a datagram, which is then
    /// given up.
    case overlap
    /// All is there: the first fragment as decoded, with the wire length, time and index of the
    /// datagram, and everything behind the IP header.
    case whole(Packet, [UInt8])
  }

  /// Fragments that will never be a datagram.
  struct Loss {
    var source: IPAddress
    var target: IPAddress
    var transport: TransportProtocol
    var fragments: UInt32
    /// On the wire.
    var bytes: UInt64
    /// Index of the packet that was taken when they were lost.
    var packet: UInt64
  }

  private struct Key: Hashable {
    var source: IPAddress
    var target: IPAddress
    var identification: UInt32
    /// 0 for IPv6, where later fragments need not repeat it.
    var transport: UInt8
  }

  private struct Waiting {
    var key: Key
    var serial: UInt64
    var deadline: CaptureTime
  }

  private struct Usage {
    var datagrams = 0
    var bytes = 0
  }

  private(set) var statistics = FragmentStatistics()
  /// Fragments with a wrong IPv4 header checksum, which no host takes.
  private(set) var brokenHeaders: UInt64 = 0
  private let datagramLimit: Int
  private let byteLimit: Int
  private let share: Double
  private let timeout: TimeSpan
  private var datagrams: [Key: Datagram] = [:]
  /// By source, and over all.
  private var usage: [IPAddress: Usage] = [:]
  private var total = Usage()
  /// In order of deadlines; entries of datagrams that are gone are skipped.
  private var queue: [Waiting] = []
  private var queueHead = 0
  private var nextSerial: UInt64 = 0
  /// Losses that were not told of yet, those before `lossHead` gone.
  private var losses: [Loss] = []
  private var lossHead = 0
  /// The packet being taken.
  private var packet: UInt64 = 0

  var hasLosses: Bool { lossHead < losses.count }

  /// The oldest loss not told of, if it happened by the packet of that index.
  mutating func nextLoss(upTo packet: UInt64) -> Loss? {
    guard lossHead < losses.count, losses[lossHead].packet <= packet else {
      if lossHead == losses.count {
        losses.removeAll(keepingCapacity: true)
        lossHead = 0
      }
      return nil
    }
    lossHead += 1
    return losses[lossHead - 1]
  }

  /// Takes over a loss that an earlier stage had.
  mutating func adopt(_ loss: Loss) { losses.append(loss) }

  init(limits: FlowLimits) {
    datagramLimit = limits.datagrams
    byteLimit = limits.fragmentBytes
    share = limits.fragmentShare
    timeout = limits.fragmentTimeout
  }

  /// - Parameters:
  ///   - packet: a packet with content `.fragment`.
  ///   - frame: the bytes it was decoded from.
  mutating func take(_ packet: Packet, _ frame: UnsafeRawBufferPointer) -> Outcome {
    guard !Self.isBroken(packet, frame) else {
      brokenHeaders &+= 1
      return .waiting
    }
    statistics.fragments &+= 1
    self.packet = packet.index
    expire(before: packet.time)
    let start = Int(packet.payloadOffset)
    let end = start + Int(packet.payloadLength)
    guard packet.statedPayloadLength > 0, end <= frame.count else {
      statistics.malformed &+= 1
      lose(packet)
      return .waiting
    }
    let key = Key(
      source: packet.source, target: packet.target, identification: packet.fragmentID,
      transport: packet.source.isIPv4 ? packet.transport.number : 0)
    guard admit(key, bytes: end - start, at: packet.time) else {
      statistics.refused &+= 1
      lose(packet)
      return .waiting
    }
    return add(packet, UnsafeRawBufferPointer(rebasing: frame[start..<end]), to: key)
  }

  /// Whether a fragment's IPv4 header is one that no host takes.
  private static func isBroken(_ packet: Packet, _ bytes: UnsafeRawBufferPointer) -> Bool {
    guard packet.etherType == 0x0800, let base = bytes.baseAddress else { return false }
    let start = Int(packet.networkOffset)
    guard start &+ 20 <= bytes.count else { return false }
    let length = Int(bytes[start] & 15) &* 4
    guard length >= 20, start &+ length <= bytes.count else { return false }
    return ChecksumPart.isBroken(ipv4: base + start, count: length)
  }

  private mutating func add(
    _ packet: Packet, _ data: UnsafeRawBufferPointer, to key: Key
  ) -> Outcome {
    // Out of the dictionary and back: its arrays stay uniquely referenced.
    guard var datagram = datagrams.removeValue(forKey: key) else { return .waiting }
    let before = datagram.cost
    let result = datagram.add(packet, data)
    account(key.source, bytes: datagram.cost - before)
    switch result {
    case .added: break
    case .duplicate: statistics.duplicates &+= 1
    case .refused:
      statistics.refused &+= 1
      lose(packet)
    case .contradiction:
      statistics.overlapping &+= 1
      datagrams[key] = datagram
      return .overlap
    case .complete(let first, let bytes):
      statistics.reassembled &+= 1
      forget(key.source, datagram)
      return .whole(first, bytes)
    }
    datagrams[key] = datagram
    return .waiting
  }

  /// Makes room for `bytes` more of a datagram, at the cost of the oldest; false when its source
  /// has its share.
  private mutating func admit(_ key: Key, bytes: Int, at time: CaptureTime) -> Bool {
    let isNew = datagrams[key] == nil
    let cost = bytes + Datagram.fragmentCost
    let used = usage[key.source] ?? Usage()
    guard Double(used.bytes + cost) <= max(share * Double(byteLimit), 65_536 * 2),
      !isNew || Double(used.datagrams + 1) <= max(share * Double(datagramLimit), 1)
    else { return false }
    while total.bytes + cost > byteLimit || isNew && total.datagrams >= datagramLimit {
      guard let oldest = popOldest(sparing: key) else { return false }
      statistics.evicted &+= 1
      lose(oldest)
      drop(oldest)
    }
    guard isNew else { return true }
    datagrams[key] = Datagram(serial: nextSerial)
    queue.append(Waiting(key: key, serial: nextSerial, deadline: time + timeout))
    nextSerial &+= 1
    total.datagrams += 1
    usage[key.source, default: Usage()].datagrams += 1
    return true
  }

  private mutating func expire(before now: CaptureTime) {
    while queueHead < queue.count, queue[queueHead].deadline <= now {
      let waiting = queue[queueHead]
      queueHead += 1
      guard let datagram = datagrams[waiting.key], datagram.serial == waiting.serial else {
        continue
      }
      if !datagram.isForged { statistics.timedOut &+= 1 }
      lose(waiting.key)
      drop(waiting.key)
    }
    compact()
  }

  /// The oldest datagram but `key`, out of the queue.
  private mutating func popOldest(sparing key: Key) -> Key? {
    while queueHead < queue.count {
      let waiting = queue[queueHead]
      guard datagrams[waiting.key]?.serial == waiting.serial else {
        queueHead += 1
        continue
      }
      guard waiting.key != key else { return nil }
      queueHead += 1
      return waiting.key
    }
    return nil
  }

  /// A fragment for which there is no place.
  private mutating func lose(_ packet: Packet) {
    losses.append(
      Loss(
        source: packet.source, target: packet.target, transport: packet.transport, fragments: 1,
        bytes: UInt64(packet.wireLength), packet: packet.index))
  }

  /// What there is of a datagram; one that was told of as forged is not told of again.
  private mutating func lose(_ key: Key) {
    guard let datagram = datagrams[key], !datagram.isForged else { return }
    losses.append(
      Loss(
        source: key.source, target: key.target,
        transport: TransportProtocol(number: key.transport),
        fragments: UInt32(truncatingIfNeeded: datagram.fragmentCount),
        bytes: UInt64(datagram.wireLength), packet: packet))
  }

  private mutating func drop(_ key: Key) {
    guard let datagram = datagrams.removeValue(forKey: key) else { return }
    forget(key.source, datagram)
  }

  /// Takes a datagram that is gone out of the books.
  private mutating func forget(_ source: IPAddress, _ datagram: Datagram) {
    total.datagrams -= 1
    usage[source]?.datagrams -= 1
    account(source, bytes: -datagram.cost)
    if let left = usage[source], left.datagrams <= 0 { usage[source] = nil }
  }

  private mutating func account(_ source: IPAddress, bytes: Int) {
    total.bytes += bytes
    usage[source]?.bytes += bytes
  }

  /// Keeps the queue within twice the number of datagrams.
  private mutating func compact() {
    guard queue.count - queueHead > 2 * datagrams.count + 64 || queueHead > 4096 else { return }
    queue = queue[queueHead...].filter { datagrams[$0.key]?.serial == $0.serial }
    queueHead = 0
  }
}
