import Flows
import Packets
import Terms
import Testing

private let attack = "GET /cgi-bin/phf?Qalias=x HTTP/1.0\r\n\r\n"
private let target = "/cgi-bin/phf?Qalias=x"
private let (head, tail) = ("GET /cgi-bin/p", "hf?Qalias=x HTTP/1.0\r\n\r\n")

/// The list of Ptacek and Newsham ("Insertion, Evasion, and Denial of Service", 1998): what a target
/// would not take must not be read, what it would take must be.
struct InsertionTests {
  /// Segments that a target throws away, in front of the real ones.
  @Test(arguments: [false, true]) func aSegmentWithAWrongChecksumIsNotRead(isIPv6: Bool) {
    var wire = Wire(isIPv6: isIPv6)
    wire.ask(head, at: 0)
    wire.ask("erl-is-good", at: 14, .init(breaksTCP: true))
    wire.ask(tail, at: 14)
    #expect(wire.targets() == [target])
    #expect(wire.overlaps() == 0)
    #expect(wire.run().statistics.checksums.refused == 1)
  }

  @Test func aPacketWithAWrongHeaderChecksumIsNotRead() {
    var wire = Wire()
    wire.ask(head, at: 0)
    wire.ask("erl-is-good", at: 14, .init(breaksIP: true))
    wire.ask(tail, at: 14)
    #expect(wire.targets() == [target])
  }

  @Test func aFragmentWithAWrongHeaderChecksumSpoilsNothing() {
    var wire = Wire()
    wire.ask("GET /other", at: 0, .init(breaksIP: true, fragment: 16))
    wire.ask(attack, at: 0, .init(fragment: 16))
    #expect(wire.targets() == [target])
    #expect(wire.run().statistics.fragments.overlapping == 0)
  }

  @Test func aHalfDoneChecksumIsWrongUnlessTheHostMerges() {
    var wire = Wire()
    wire.ask(head, at: 0)
    wire.ask("erl-is-good", at: 14, .init(isHalfway: true))
    wire.ask(tail, at: 14)
    #expect(wire.targets() == [target])
  }

  @Test(arguments: [TCPFlags.reset, [.reset, .ack], .fin])
  func anEndWithAWrongChecksumEndsNothing(flags: TCPFlags) {
    var wire = Wire()
    wire.ask(head, at: 0)
    wire.client(flags, at: 14, [], .init(breaksTCP: true))
    wire.ask(tail, at: 14)
    #expect(wire.targets() == [target])
    #expect(wire.run().flows.filter { $0.kind == .closed }.map(\.ending) == [.captureEnded])
  }

  @Test(arguments: [TCPFlags.reset, [.reset, .ack], .fin])
  func anEndFarOffTheWindowEndsNothing(flags: TCPFlags) {
    var wire = Wire()
    wire.ask(head, at: 0)
    wire.client(flags, at: 1 << 28, [])
    wire.server(.fin, acknowledging: 14)
    wire.ask(tail, at: 14)
    #expect(wire.targets() == [target])
    #expect(wire.run().statistics.strayEndings == 1)
  }

  @Test(arguments: [0, 8])
  func aResetThatDiesBeforeItsTargetBlindsNobody(early: Int) {
    var wire = Wire()
    wire.ask(String(attack.prefix(early)), at: 0)
    wire.client(.reset, at: early, [], .init(timeToLive: 1))
    wire.wait(2)
    wire.ask(String(attack.dropFirst(early)), at: early)
    #expect(wire.targets() == [target])
  }

  @Test func segmentsFarOffTheWindowDoNotLeadAway() {
    var wire = Wire()
    wire.ask(head, at: 0)
    for number in 0..<40 {
      wire.ask("xx", at: 1 << 26 + number)
      wire.server(acknowledging: 14)
    }
    wire.ask(tail, at: 14)
    #expect(wire.targets() == [target])
  }

  @Test func segmentsThatTheTargetDoesNotWantHoldNothingUp() {
    var wire = Wire()
    wire.ask(head, at: 0)
    for number in 0..<100 {
      wire.ask("xx", at: 500_000 + number * 10)
      wire.server(acknowledging: 14)
    }
    wire.wait(10)
    wire.ask(tail, at: 14)
    #expect(wire.targets() == [target])
  }

  @Test func whatWaitsForAHeardReceiverIsBounded() {
    var wire = Wire()
    wire.ask(head, at: 0)
    let filler = String(repeating: "x", count: 1400)
    for number in 0..<400 {
      wire.ask(filler, at: 1000 + number * 1400)
      wire.server(acknowledging: 14)
    }
    let dropped = wire.run().statistics.sessions.droppedSegments
    // Neighbours are joined, and dropped together.
    #expect(dropped > 40)
    wire.ask(tail, at: 14)
    #expect(wire.targets() == [target])
  }

  @Test func aSecondSYNDoesNotMoveTheStream() {
    var wire = Wire(shakesHands: false)
    wire.client(.syn, at: 900_000_000, [], .init(timeToLive: 1))
    wire.client(.syn, at: -1, [])
    wire.server([.syn, .ack], acknowledging: 0, sequence: wire.answerInitial)
    wire.client(.ack, at: 0, [])
    wire.client(.syn, at: 700_000_000, [], .init(timeToLive: 1))
    wire.ask(attack, at: 0)
    #expect(wire.targets() == [target])
  }

  @Test func aSegmentOfAnotherVLANIsNotRead() {
    var wire = Wire()
    wire.ask(head, at: 0)
    wire.ask("erl-is-good", at: 14, .init(vlan: 66))
    wire.ask(tail, at: 14)
    #expect(wire.targets() == [target])
    #expect(wire.run().statistics.sessions.foreignSegments == 1)
  }

  @Test func anUrgentByteIsNoPartOfTheRequest() {
    var wire = Wire()
    wire.ask(head + "X" + tail, at: 0, .init(urgentPointer: 15))
    #expect(wire.targets() == [target])
  }
}

/// What a target takes in ways that a careless reader does not follow.
struct EvasionTests {
  @Test(arguments: [1, 2, 7, 100]) func anySizeOfSegmentsIsRead(size: Int) {
    var wire = Wire()
    wire.ask(attack, size: size)
    #expect(wire.targets() == [target])
  }

  @Test(arguments: [1, 3]) func segmentsFromTheLastToTheFirstAreRead(size: Int) {
    var wire = Wire()
    for (offset, part) in Wire.cut(Array(attack.utf8), size).reversed() {
      wire.client([.ack, .push], at: offset, part)
      wire.server(acknowledging: offset == 0 ? attack.utf8.count : 0)
    }
    #expect(wire.targets() == [target])
    #expect(wire.overlaps() == 0)
  }

  @Test func segmentsInAnyOrderWithRepetitionsAreRead() {
    var generator = Wheel(state: 7)
    for _ in 0..<50 {
      var wire = Wire()
      var parts = Wire.cut(Array(attack.utf8), 2)
      parts += parts
      parts.shuffle(using: &generator)
      for (offset, part) in parts { wire.client([.ack, .push], at: offset, part) }
      #expect(wire.targets() == [target])
    }
  }

  @Test func dataOnTheSYNIsRead() {
    var wire = Wire(shakesHands: false)
    wire.client(.syn, at: -1, Array(head.utf8))
    wire.server([.syn, .ack], acknowledging: 14, sequence: wire.answerInitial)
    wire.client(.ack, at: 14, [])
    wire.ask(tail, at: 14)
    #expect(wire.targets() == [target])
  }

  /// Whoever wins at the target, the contradiction is told; the first is read.
  @Test func contradictingSegmentsAreTold() {
    var wire = Wire()
    wire.ask(head, at: 0)
    wire.ask("erl-is-good HTTP/1.0\r\n\r\n", at: 14, .init(timeToLive: 2))
    wire.ask(tail, at: 14)
    #expect(wire.overlaps() == 1)
  }

  @Test(arguments: [false, true], [8, 16, 24]) func fragmentsAreRead(isIPv6: Bool, size: Int) {
    var wire = Wire(isIPv6: isIPv6)
    wire.ask(attack, at: 0, .init(fragment: size))
    #expect(wire.targets() == [target])
  }

  @Test func aWrongChecksumInFragmentsIsFound() {
    var wire = Wire()
    wire.ask(head, at: 0)
    wire.ask("erl-is-good", at: 14, .init(breaksTCP: true, fragment: 16))
    wire.ask(tail, at: 14)
    #expect(wire.targets() == [target])
  }

  @Test func contradictingFragmentsAreTold() {
    var wire = Wire()
    var ends: [UInt8] = [203, 0, 113, 5, 10, 0, 0, 2]
    ends.swapAt(0, 0)
    wire.packet(ends, [UInt8](repeating: 1, count: 24), .init(), more: true, isFragment: true)
    wire.packet(ends, [UInt8](repeating: 2, count: 24), .init(), offset: 16, isFragment: true)
    #expect(wire.run().flows.contains { $0.kind == .fragmentOverlap })
  }
}

/// Captures made on a host whose adapter completes checksums lose nothing.
struct OffloadTests {
  @Test(arguments: [1, 50]) func aHostThatLeavesItsChecksumsIsReadWhole(size: Int) {
    var wire = Wire(offloads: true)
    wire.ask(attack, size: size, .init(breaksTCP: true))
    wire.server(acknowledging: attack.utf8.count, "HTTP/1.0 200 OK\r\n\r\n")
    #expect(wire.targets() == [target])
    let checksums = wire.run().statistics.checksums
    #expect(checksums.wrong > 0 && checksums.refused == 0)
  }

  @Test func aServerThatLeavesItsChecksumsIsReadWhole() {
    var wire = Wire(shakesHands: false)
    let twist = Wire.Twist(breaksTCP: true)
    wire.client(.syn, at: -1, [])
    wire.server([.syn, .ack], acknowledging: 0, sequence: wire.answerInitial, "", twist)
    wire.client(.ack, at: 0, [])
    wire.ask(attack, at: 0)
    wire.server(acknowledging: attack.utf8.count, "HTTP/1.0 404 No\r\n\r\n", twist)
    let statuses = wire.run().events.compactMap {
      if case .httpResponse(let response) = $0.what { return response.status }
      return nil
    }
    #expect(statuses == [404])
  }

  @Test func aConversationPickedUpInItsMiddleIsReadWhole() {
    var wire = Wire(shakesHands: false)
    wire.ask(attack, size: 9, .init(breaksTCP: true))
    #expect(wire.targets() == [target])
  }

  @Test func segmentsThatTheHostMergedAreRead() {
    var wire = Wire()
    let field = "X: " + String(repeating: "y", count: 3000) + "\r\n"
    let first = "GET /a HTTP/1.1\r\n" + field + "\r\n"
    wire.ask(first, at: 0, .init(isHalfway: true))
    wire.ask(attack, at: first.utf8.count, .init(isHalfway: true))
    #expect(wire.targets() == ["/a", target])
    #expect(wire.run().statistics.checksums.refused == 0)
  }
}

/// A generator that is the same everywhere.
struct Wheel: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ state >> 29
  }
}
