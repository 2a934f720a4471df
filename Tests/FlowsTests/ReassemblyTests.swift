import Flows
import Packets
import Testing

/// The requests' targets that the sessions tell, as text.
private func targets(_ talk: Talk) -> [String] {
  talk.events().compactMap {
    guard case .http(let request) = $0.what else { return nil }
    return String(decoding: request.target, as: UTF8.self)
  }
}

private func overlaps(_ talk: Talk) -> [SegmentOverlap] {
  talk.events().compactMap {
    guard case .overlap(let overlap) = $0.what else { return nil }
    return overlap
  }
}

struct ReassemblyTests {
  @Test func segmentsOutOfOrderAreRead() {
    var talk = Talk()
    talk.segment(at: 0, "GET /in")
    talk.segment(at: 11, "html HTTP/1.1\r\n\r\n")
    talk.segment(at: 7, "dex.")
    #expect(targets(talk) == ["/index.html"])
    #expect(overlaps(talk).isEmpty)
  }

  @Test func sequenceNumbersWrap() {
    var talk = Talk(initial: (UInt32.max - 5, UInt32.max - 2))
    talk.ask("GET /long/enough/to/wrap HTTP/1.1\r\n\r\n", size: 4)
    talk.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", size: 3)
    #expect(targets(talk) == ["/long/enough/to/wrap"])
    #expect(talk.contents().count == 2)
  }

  @Test func aPlainRetransmissionIsNoOverlap() {
    var talk = Talk()
    talk.segment(at: 0, "GET /a ")
    talk.segment(at: 0, "GET /a ")
    talk.segment(at: 3, " /a HTTP/1.1\r\n\r\n")
    #expect(targets(talk) == ["/a"])
    #expect(overlaps(talk).isEmpty)
  }

  @Test func aRetransmissionWithOtherContentIsTold() {
    var talk = Talk()
    talk.segment(at: 0, "GET /good")
    talk.segment(at: 0, "GET /evil")
    talk.segment(at: 9, " HTTP/1.1\r\n\r\n")
    #expect(targets(talk) == ["/good"])
    let told = overlaps(talk)
    #expect(told.map(\.offset) == [5])
    #expect(told.first.map { String(decoding: $0.before, as: UTF8.self) } == "good")
    #expect(told.first.map { String(decoding: $0.after, as: UTF8.self) } == "evil")
  }

  @Test func contradictionsAmongWaitingSegmentsAreTold() {
    var talk = Talk()
    talk.segment(at: 4, "/good HTTP/1.1\r\n")
    talk.segment(at: 4, "/evil HTTP/1.1\r\n")
    talk.segment(at: 0, "GET ")
    talk.segment(at: 20, "\r\n")
    #expect(targets(talk) == ["/good"])
    #expect(overlaps(talk).map(\.offset) == [5])
  }

  @Test func aLongSegmentFillsTheHolesBetweenWaitingOnes() {
    var talk = Talk()
    talk.segment(at: 4, "/")
    talk.segment(at: 6, "b")
    talk.segment(at: 0, "GET /abc HTTP/1.1\r\n\r\n")
    #expect(targets(talk) == ["/abc"])
    #expect(overlaps(talk).isEmpty)
  }

  @Test func aLossIsSkippedOnceAcknowledged() {
    var talk = Talk()
    talk.ask("POST /up HTTP/1.1\r\nContent-Length: 4000\r\n\r\n")
    let start = 43
    talk.segment(at: start, String(repeating: "a", count: 1000))
    talk.segment(at: start + 2000, String(repeating: "c", count: 2000))
    talk.acknowledge(start + 4000)
    talk.segment(at: start + 4000, "GET /next HTTP/1.1\r\n\r\n")
    #expect(targets(talk) == ["/up", "/next"])
  }

  @Test func aLossIsSkippedAfterAWhile() {
    var talk = Talk()
    talk.ask("POST /up HTTP/1.1\r\nContent-Length: 3000\r\n\r\n")
    talk.segment(at: 43 + 1000, String(repeating: "b", count: 2000))
    talk.wait(5)
    talk.story.udp("10.0.0.8:1", "10.0.0.9:2", at: talk.time)
    talk.segment(at: 43 + 3000, "GET /next HTTP/1.1\r\n\r\n")
    #expect(targets(talk) == ["/up", "/next"])
  }

  @Test func aSegmentFarOffTheWindowIsIgnored() {
    var talk = Talk()
    talk.segment(at: 0, "GET /a")
    talk.segment(at: 1 << 24, "GET /x HTTP/1.1\r\n\r\n")
    talk.segment(at: 6, " HTTP/1.1\r\n\r\n")
    #expect(targets(talk) == ["/a"])
  }

  @Test func aConversationIsPickedUpInItsMiddle() {
    var talk = Talk()
    talk.story.frames.removeAll()
    talk.ask("GET /late HTTP/1.1\r\n\r\n")
    #expect(targets(talk) == ["/late"])
  }

  @Test func whatWaitsIsBounded() {
    var talk = Talk()
    talk.story.limits.sessions.segments = 4
    talk.ask("POST /up HTTP/1.1\r\nContent-Length: 100000\r\n\r\n")
    for number in 0..<200 {
      talk.segment(at: 100 + number * 50, String(repeating: "x", count: 25))
    }
    let (_, statistics) = talk.story.run()
    #expect(statistics.sessions.gaps >= 190)
    #expect(statistics.sessions.bytes == 0)
  }

  @Test func aFullTableGivesUpWhoeverIsSilentLongest() {
    var story = Story()
    story.limits.sessions.sessions = 16
    for number in 0..<100 {
      let client = "10.0.1.\(number):40000"
      story.handshake(client, "10.0.0.2:80", at: Double(number))
      story.segment(
        client, "10.0.0.2:80", [.ack, .push], at: Double(number), sequence: 1001,
        acknowledgement: 5001, Array("GET /\(number) HT".utf8))
    }
    let (_, statistics) = story.run()
    #expect(statistics.sessions.peakSessions == 16)
    #expect(statistics.sessions.evicted == 84)
  }

  /// A server's last words, and the client hangs up: whoever comes late must not take that for a
  /// greeting.
  @Test(arguments: [true, false]) func onlyAConnectionSeenFromItsStartClosesAsOne(isWhole: Bool) {
    let (client, server) = ("10.0.0.1:40000", "10.0.0.2:443")
    var story = isWhole ? Talk(client, server).story : Story()
    let turns: [(String, String, TCPFlags, (UInt32, UInt32), String)] = [
      (server, client, [.ack, .push], (5001, 1001), "that was all"),
      (client, server, .ack, (1001, 5013), ""),
      (server, client, [.ack, .fin], (5013, 1001), ""),
      (client, server, [.ack, .fin], (1001, 5014), ""),
      (server, client, .ack, (5014, 1002), ""),
    ]
    for (from, to, flags, numbers, text) in turns {
      story.segment(
        from, to, flags, at: 101, sequence: numbers.0, acknowledgement: numbers.1, Array(text.utf8))
    }
    let closings = story.sessionEvents(chunk: 1000).compactMap {
      if case .closed(let closing) = $0.what { closing.isEstablished } else { nil }
    }
    #expect(closings == [isWhole])
  }
}
