import Capture
import Packets
import Terms

/// What a capture holds, beside what the detectors say of it: who talks, and whether it is a
/// segment's traffic at all. Bounded: hosts and pairs beyond the limits are counted together.
struct SegmentCensus {
  /// Hosts and pairs told apart.
  static let hostLimit = 65_536
  static let pairLimit = 16_384

  struct Talker {
    var packetsOut: UInt64 = 0
    var packetsIn: UInt64 = 0
    var bytesOut: UInt64 = 0
    var bytesIn: UInt64 = 0

    var bytes: UInt64 { bytesOut &+ bytesIn }
  }

  private struct Pair: Hashable {
    var low: IPAddress
    var high: IPAddress
  }

  private(set) var frames: UInt64 = 0
  private(set) var ipPackets: UInt64 = 0
  private(set) var arpPackets: UInt64 = 0
  /// Frames to one hardware address, to a group, or without one.
  private(set) var unicastFrames: UInt64 = 0
  /// Frames of which not all bytes were captured, and the longest captured part of one.
  private(set) var cutFrames: UInt64 = 0
  private(set) var snapLength: UInt32 = 0
  private(set) var backwards: UInt64 = 0
  private(set) var unreadable: UInt64 = 0
  private(set) var first: CaptureTime?
  private(set) var last: CaptureTime?
  private(set) var hosts: [IPAddress: Talker] = [:]
  private(set) var otherHosts: UInt64 = 0
  /// Which of two hosts were heard by TCP: 1 the lower, 2 the higher, 3 both.
  private var pairs: [Pair: UInt8] = [:]
  private var packet = Packet()

  mutating func take(_ frame: Frame, offset: TimeSpan = .zero) {
    let time = frame.time + offset
    PacketDecoder.decode(
      frame.bytes, linkType: frame.linkType, wireLength: frame.wireLength, time: time,
      index: frames, into: &packet)
    frames &+= 1
    if let last, time < last { backwards &+= 1 }
    first = min(first ?? time, time)
    last = max(last ?? time, time)
    if packet.capturedLength < packet.wireLength {
      cutFrames &+= 1
      snapLength = max(snapLength, packet.capturedLength)
    }
    if case .unknown = frame.linkType { unreadable &+= 1 }
    switch packet.content {
    case .ip, .fragment: takeIP(bytes: UInt64(packet.wireLength))
    case .arp: arpPackets &+= 1
    case .control, .other: break
    }
    if !packet.targetMAC.isGroup, packet.targetMAC != .unknown { unicastFrames &+= 1 }
  }

  private mutating func takeIP(bytes: UInt64) {
    ipPackets &+= 1
    let (source, target) = (packet.source, packet.target)
    if hosts[source] != nil || hosts.count < Self.hostLimit {
      hosts[source, default: Talker()].packetsOut &+= 1
      hosts[source, default: Talker()].bytesOut &+= bytes
    } else {
      otherHosts &+= 1
    }
    guard !target.isMulticast, !target.isLimitedBroadcast else { return }
    if hosts[target] != nil || hosts.count < Self.hostLimit {
      hosts[target, default: Talker()].packetsIn &+= 1
      hosts[target, default: Talker()].bytesIn &+= bytes
    }
    guard packet.transport == .tcp, packet.hasTransport else { return }
    let isLower = source < target
    let pair = Pair(low: isLower ? source : target, high: isLower ? target : source)
    if pairs[pair] != nil || pairs.count < Self.pairLimit {
      pairs[pair, default: 0] |= isLower ? 1 : 2
    }
  }

  /// The hosts with most bytes.
  func talkers(_ count: Int) -> [(host: IPAddress, talker: Talker)] {
    hosts.sorted { ($1.value.bytes, $0.key) < ($0.value.bytes, $1.key) }.prefix(count).map {
      (host: $0.key, talker: $0.value)
    }
  }

  /// Pairs of hosts that TCP was seen of, and those of which both were heard.
  var pairCounts: (all: Int, both: Int) { (pairs.count, pairs.values.count { $0 == 3 }) }
}
