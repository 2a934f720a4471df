import Flows
import Packets
import Terms
import Testing

/// SplitMix64 (Steele and others, 2014): the same numbers for a seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    return word ^ word >> 31
  }
}

/// A busy minute of every kind of packet among few hosts.
private func busyStory(seed: UInt64, frames: Int = 6000) -> Story {
  var random = SeededGenerator(state: seed)
  var story = Story()
  var time = 1000.0
  for _ in 0..<frames {
    time += Double.random(in: 0...0.05, using: &random)
    let from = "10.0.0.\(Int.random(in: 1...6, using: &random))"
    let to = "10.0.0.\(Int.random(in: 1...6, using: &random))"
    let ports = [80, 4000, 50000].map { "\($0)" }
    let source = "\(from):\(ports.randomElement(using: &random) ?? "1")"
    let target = "\(to):\(ports.randomElement(using: &random) ?? "1")"
    switch Int.random(in: 0..<8, using: &random) {
    case 0: story.udp(source, target, at: time)
    case 1: story.icmp(from, to, type: 8, identifier: 3, at: time)
    case 2: story.icmp(to, from, type: 0, identifier: 3, at: time)
    case 3: story.arp(1, from, to, at: time)
    case 4:
      story.ip(
        Story.endpoint(from).0, Story.endpoint(to).0, 17, [UInt8](repeating: 9, count: 16),
        at: time, id: UInt16.random(in: 0...3, using: &random),
        offset: 8 * Int.random(in: 0...3, using: &random), more: .random(using: &random))
    default:
      story.tcp(
        source, target, TCPFlags(rawValue: .random(in: 0...63, using: &random)), at: time,
        sequence: .random(in: 0...9, using: &random),
        acknowledgement: .random(in: 0...9, using: &random))
    }
  }
  return story
}

/// Everything an event holds, as text.
private func whole(_ events: [FlowEvent]) -> [String] { events.map { "\($0)" } }

@Test func eventsDoNotDependOnWhereTheInputIsCut() {
  var story = busyStory(seed: 1)
  // Few places, so that evictions matter.
  story.limits.capacity = 48
  let reference = whole(story.events(chunk: 1000))
  #expect(whole(story.events(chunk: 1)) == reference)
  #expect(whole(story.events(chunk: 7)) == reference)
}

private func packetsCounted(_ events: [FlowEvent]) -> UInt64 {
  let kinds: Set<FlowEvent.Kind> = [.opened, .progress, .closed]
  return events.filter { kinds.contains($0.kind) }.reduce(0) {
    $0 + UInt64($1.packetsOut + $1.packetsIn)
  }
}

@Test(arguments: 2...9 as ClosedRange<UInt64>, [16, 100_000])
func everyPacketIsCountedOnceOrRefused(seed: UInt64, capacity: Int) {
  var story = busyStory(seed: seed, frames: 3000)
  story.limits.capacity = capacity
  let (events, statistics) = story.run()
  #expect(packetsCounted(events) + statistics.refusedPackets == statistics.ipPackets)
  let kinds: Set<FlowEvent.Kind> = [.established, .refused, .unanswered]
  let others = events.filter { kinds.contains($0.kind) }
  #expect(others.allSatisfy { $0.packetsOut == 0 && $0.packetsIn == 0 })
  #expect(events.count { $0.kind == .opened } == events.count { $0.kind == .closed })
}

@Test(arguments: 2...5 as ClosedRange<UInt64>) func eventsComeInOrderOfTime(seed: UInt64) {
  let times = busyStory(seed: seed).events().map(\.time)
  #expect(times == times.sorted())
}

@Test func aSpoofedFloodEvictsNoEstablishedFlow() {
  var engine = FlowEngine()
  var evicted: [FlowEvent.Ending: Int] = [:]
  var story = Story()
  let established = 10_000
  for number in 0..<established {
    story.handshake("10.1.\(number >> 8).\(number & 255):40000", "10.0.0.2:80", at: 1)
  }
  for frame in story.frames { take(frame.bytes, at: frame.time, &engine) }
  var probe = Story()
  probe.tcp("1.1.1.1:1", "10.0.0.2:80", .syn, at: 2)
  var bytes = probe.frames[0].bytes
  var random = SeededGenerator(state: 7)
  for number in 0..<2_000_000 {
    let source = UInt32(truncatingIfNeeded: random.next())
    bytes.withUnsafeMutableBytes { $0.storeBytes(of: source, toByteOffset: 26, as: UInt32.self) }
    take(bytes, at: CaptureTime(seconds: 2 + Double(number) * 1e-5), &engine)
    guard engine.needsDrain else { continue }
    for event in engine.events where event.kind == .closed && event.isEstablished {
      evicted[event.ending, default: 0] += 1
    }
    engine.clearEvents()
  }
  engine.flush()
  #expect(evicted.isEmpty)
  #expect(engine.statistics.refusedPackets == 0)
  #expect(engine.statistics.evictedAnswered == 0)
  #expect(engine.statistics.peakFlows <= FlowLimits.standard.capacity)
  engine.clearEvents()
  engine.finish()
  #expect(engine.events.count { $0.kind == .closed && $0.isEstablished } == established)
}

private func take(_ bytes: [UInt8], at time: CaptureTime, _ engine: inout FlowEngine) {
  bytes.withUnsafeBytes {
    _ = engine.take($0, linkType: .ethernet, wireLength: UInt32($0.count), time: time)
  }
}

@Test func aTableFullOfEstablishedFlowsRefusesAndSaysSo() {
  var story = Story()
  story.limits.capacity = 16
  for number in 0..<40 { story.handshake("10.0.1.\(number):40000", "10.0.0.2:80", at: 1) }
  let (events, statistics) = story.run()
  #expect(events.count { $0.kind == .established } == 16)
  #expect(statistics.refusedPackets == 24 * 3)
}

@Test func inATableFullOfEstablishedFlowsOnlyTheSilentGiveWay() {
  var story = Story()
  story.limits.capacity = 16
  for number in 0..<16 { story.handshake("10.0.1.\(number):40000", "10.0.0.2:80", at: 1) }
  for number in 0..<15 { story.tcp("10.0.1.\(number):40000", "10.0.0.2:80", .ack, at: 40) }
  story.tcp("10.0.9.9:40000", "10.0.0.2:80", .syn, at: 50)
  let evicted = story.events().filter { $0.ending == .evicted }
  #expect(evicted.map { "\($0.source)" } == ["10.0.1.15"])
}

@Test func noMutationOfACaptureTrapsOrBreaksTheOrder() {
  var random = SeededGenerator(state: 99)
  for round in 0..<60 {
    var story = busyStory(seed: UInt64(round), frames: 300)
    story.limits.capacity = 16
    for index in story.frames.indices {
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        let at = Int.random(in: 0..<story.frames[index].bytes.count, using: &random)
        story.frames[index].bytes[at] = UInt8.random(in: 0...255, using: &random)
      }
      if Int.random(in: 0..<50, using: &random) == 0 {
        story.frames[index].time.nanoseconds = Int64(bitPattern: random.next())
      }
      if Int.random(in: 0..<10, using: &random) == 0 {
        let length = Int.random(in: 0...story.frames[index].bytes.count, using: &random)
        story.frames[index].bytes = Array(story.frames[index].bytes.prefix(length))
      }
    }
    let (events, statistics) = story.run(chunk: 3)
    #expect(events.map(\.time) == events.map(\.time).sorted())
    #expect(packetsCounted(events) + statistics.refusedPackets == statistics.ipPackets)
  }
}
