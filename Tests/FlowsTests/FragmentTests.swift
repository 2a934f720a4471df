import Flows
import Packets
import Terms
import Testing

private let attacker: UInt32 = 0x0a00_0001
private let victim: UInt32 = 0x0a00_0002

/// A SYN from port 4000 to port 22, as the bytes behind the IP header.
private let segment: [UInt8] =
  [0x0f, 0xa0, 0, 22, 0, 0, 0, 1, 0, 0, 0, 0, 0x60, 2, 4, 0, 0, 0, 0, 0] + [2, 4, 5, 0xb4]

@Test func aSYNInTinyFragmentsIsASYN() {
  var story = Story()
  for (offset, more) in [(0, true), (16, false), (8, true)] {
    story.ip(
      attacker, victim, 6, Array(segment[offset..<offset + 8]), at: 1, id: 7, offset: offset,
      more: more)
  }
  let events = story.events()
  #expect(events[0].told == "1.0 opened 10.0.0.1:4000 10.0.0.2:22 syn")
  #expect(events[0].packet == 2)
  #expect(events[0].bytesOut == 3 * 42)
  #expect(!events.contains { $0.kind == .fragmentOverlap })
}

@Test func aFragmentInsideAnotherIsAnOverlapSaidOnce() {
  var story = Story()
  let data = [UInt8](repeating: 0, count: 36)
  story.ip(attacker, victim, 17, data, at: 1, id: 9, more: true)
  story.ip(attacker, victim, 17, Array(data.prefix(4)), at: 1, id: 9, offset: 24)
  story.ip(attacker, victim, 17, Array(data.prefix(4)), at: 1, id: 9, offset: 24)
  let (events, statistics) = story.run()
  #expect(events.map(\.kind) == [.fragmentOverlap])
  #expect(statistics.fragments.overlapping == 1)
}

/// Bonk's two fragments leave four bytes that nothing can fill; a last fragment may have any length.
@Test func aFragmentThatEndsWhereNoOtherBeginsIsAContradiction() {
  var story = Story()
  let data = [UInt8](repeating: 0, count: 28)
  story.ip(attacker, victim, 17, data, at: 1, id: 9, more: true)
  story.ip(attacker, victim, 17, Array(data.prefix(4)), at: 1, id: 9, offset: 32)
  story.ip(attacker, victim, 6, Array(segment.prefix(16)), at: 2, id: 7, more: true)
  story.ip(attacker, victim, 6, Array(segment.dropFirst(16).prefix(4)), at: 2, id: 7, offset: 16)
  let (events, statistics) = story.run()
  #expect(events.first?.kind == .fragmentOverlap)
  #expect(statistics.fragments.overlapping == 1)
  #expect(statistics.fragments.reassembled == 1)
}

@Test func aDatagramBeyondTheLongestIsAnOverlap() {
  var story = Story()
  story.ip(
    attacker, victim, 1, [UInt8](repeating: 0, count: 1000), at: 1, id: 9, offset: 65_528)
  #expect(story.events().map(\.kind) == [.fragmentOverlap])
}

@Test func theSameFragmentTwiceIsADuplicate() {
  var story = Story()
  story.ip(attacker, victim, 6, Array(segment.prefix(16)), at: 1, id: 7, more: true)
  story.ip(attacker, victim, 6, Array(segment.prefix(16)), at: 1, id: 7, more: true)
  story.ip(attacker, victim, 6, Array(segment.suffix(8)), at: 1, id: 7, offset: 16)
  let (events, statistics) = story.run()
  #expect(events.first?.probe == .syn)
  #expect(statistics.fragments.duplicates == 1)
}

@Test func aFragmentFloodStaysWithinItsSourcesShareAndLeavesRoom() {
  var story = Story()
  for number in 0..<5000 {
    story.ip(
      attacker, victim, 17, [UInt8](repeating: 1, count: 1400), at: 1,
      id: UInt16(number), offset: 8, more: true)
  }
  story.ip(attacker + 9, victim, 6, Array(segment.prefix(16)), at: 1, id: 7, more: true)
  story.ip(attacker + 9, victim, 6, Array(segment.suffix(8)), at: 1, id: 7, offset: 16)
  let (events, statistics) = story.run()
  #expect(events.first { $0.kind == .opened }?.probe == .syn)
  #expect(statistics.fragments.refused >= 4800)
  let lost = events.filter { $0.kind == .lostFragments }
  #expect(lost.reduce(0) { $0 + UInt64($1.packetsOut) } == statistics.fragments.refused)
}

@Test func aDatagramWaitsForItsFragmentsOnlySoLong() {
  var story = Story()
  story.ip(attacker, victim, 6, Array(segment.prefix(16)), at: 1, id: 7, more: true)
  story.ip(attacker, victim, 6, Array(segment.suffix(8)), at: 40, id: 7, offset: 16)
  let (events, statistics) = story.run()
  #expect(events.map(\.kind) == [.lostFragments])
  #expect(statistics.fragments.timedOut == 1)
}
