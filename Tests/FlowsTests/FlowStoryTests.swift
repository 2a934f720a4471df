import Flows
import Packets
import Terms
import Testing

private let client = "10.0.0.1:40000"
private let server = "10.0.0.2:80"
private let pair = "10.0.0.1:40000 10.0.0.2:80"

@Test func aHandshakeEstablishesAndTwoFINsFinish() {
  var story = Story()
  story.handshake(client, server, at: 1)
  story.tcp(client, server, [.fin, .ack], at: 2, acknowledgement: 5001)
  story.tcp(server, client, [.fin, .ack], at: 2)
  story.tcp(client, server, .ack, at: 2)
  #expect(
    story.told() == [
      "1.0 opened \(pair) syn", "1.0 established \(pair)", "2.0 progress \(pair) none 1/1",
      "2.0 closed \(pair) finished 1/1", "3.0 progress \(pair) finished 1/0",
    ])
}

@Test func aRSTBeforeTheHandshakeIsARefusal() {
  var story = Story()
  story.tcp(client, server, .syn, at: 1)
  story.tcp(server, client, [.reset, .ack], at: 1)
  #expect(
    story.told() == [
      "1.0 opened \(pair) syn", "1.0 refused \(pair)", "1.0 closed \(pair) refused 0/1",
    ])
}

@Test func aRSTAfterTheHandshakeIsAReset() {
  var story = Story()
  story.handshake(client, server, at: 1)
  story.tcp(server, client, .reset, at: 1)
  #expect(story.told().last == "1.0 closed \(pair) reset 1/2")
}

@Test func silenceIsJudgedWhenTheLimitIsReachedNotLater() {
  var story = Story()
  story.tcp(client, server, .syn, at: 1)
  story.udp("10.0.0.9:1", "10.0.0.8:1", at: 60)
  let events = story.events()
  let judged = events.first { $0.kind == .unanswered }
  #expect(judged?.time == CaptureTime(seconds: 4))
  #expect(judged?.packet == 0)
  #expect(events.map(\.time) == events.map(\.time).sorted())
  #expect(events.contains { $0.kind == .closed && $0.ending == .idle && $0.time.seconds < 16 })
}

@Test func aRepeatedSYNIsNoNewFlowButANewSYNOnClosedPortsIs() {
  var story = Story()
  story.tcp(client, server, .syn, at: 1)
  story.tcp(client, server, .syn, at: 2)
  story.tcp(server, client, [.reset, .ack], at: 2)
  story.tcp(client, server, .syn, at: 2)
  story.tcp(client, server, .syn, at: 2, sequence: 777)
  #expect(story.events().filter { $0.kind == .opened }.map(\.packet) == [0, 4])
}

private let firstFlags: [(TCPFlags, FlowEvent.Probe)] = [
  (.syn, .syn), (.fin, .fin), ([], .null), ([.fin, .push, .urgent], .xmas), (.ack, .ack),
  ([.fin, .ack], .maimon), ([.syn, .fin], .synFin), ([.syn, .reset, .ack], .odd),
  ([.push, .ack], .midstream),
]

@Test(arguments: firstFlags)
func theFirstPacketNamesTheProbeAndARSTRefusesIt(flags: TCPFlags, probe: FlowEvent.Probe) {
  var story = Story()
  story.tcp(client, server, flags, at: 1)
  story.tcp(server, client, .reset, at: 1)
  let events = story.events()
  #expect(events.map(\.kind) == [.opened, .refused, .closed])
  #expect(events.map(\.probe) == [probe, probe, probe])
}

/// Old connections that nobody answers any more; a scanner's probes carry no timestamps.
@Test func aHostThatEndsForgottenSessionsProbesNothing() {
  let timestamps: [UInt8] = [1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 2, 0]
  for options in [[], timestamps] {
    var story = Story()
    let header: [UInt8] =
      [0x9c, 0x40, 0, 80, 0, 0, 4, 0, 0, 0, 5, 0, UInt8((20 + options.count) * 4)]
      + [TCPFlags([.fin, .ack]).rawValue, 4, 0, 0, 0, 0, 0]
    story.ip(0x0a00_0001, 0x0a00_0002, 6, header + options, at: 1)
    story.udp("10.0.0.1:5000", "10.0.0.2:161", at: 60)
    let events = story.events().filter { $0.transport == .tcp }
    #expect(events.allSatisfy { $0.probe == (options.isEmpty ? .maimon : .midstream) })
    #expect(events.contains { $0.kind == .unanswered } == options.isEmpty)
  }
}

@Test func whoAnswersASYNIsTheTargetEvenWhenSeenFirst() {
  var story = Story()
  story.tcp(server, client, [.syn, .ack], at: 1, sequence: 5000)
  story.tcp(client, server, .ack, at: 1, acknowledgement: 5001)
  story.tcp("10.0.0.2:443", "10.0.0.3:50000", [.push, .ack], at: 1, payload: 9)
  let events = story.events()
  #expect(
    events.prefix(2).map(\.told) == [
      "1.0 opened \(pair) midstream", "1.0 established \(pair)",
    ])
  #expect(events[0].packetsIn == 1 && events[0].packetsOut == 0)
  #expect(events[2].told == "1.0 opened 10.0.0.3:50000 10.0.0.2:443 midstream")
}

@Test func aBlindAcknowledgementCompletesNoHandshake() {
  var story = Story()
  story.tcp(client, server, .syn, at: 1)
  story.tcp(server, client, [.syn, .ack], at: 1, sequence: 0x7000_0000)
  story.tcp(client, server, .ack, at: 1, acknowledgement: 5001)
  #expect(!story.events().contains { $0.kind == .established || $0.kind == .unanswered })
}

@Test func anUnreachableRefusesTheQuotedFlow() {
  var story = Story()
  story.udp("10.0.0.1:5000", "10.0.0.2:161", at: 1)
  let quoted = Array(story.frames[0].bytes.dropFirst(14).prefix(28))
  story.icmp("10.0.0.2", "10.0.0.1", type: 3, code: 3, body: quoted, at: 1)
  #expect(
    story.told().prefix(3) == [
      "1.0 opened 10.0.0.1:5000 10.0.0.2:161 udp", "1.0 opened 10.0.0.2:0 10.0.0.1:771 icmpOther",
      "1.0 refused 10.0.0.1:5000 10.0.0.2:161",
    ])
  #expect(!story.events().contains { $0.kind == .unanswered })
}

@Test func anEchoAndItsReplyAreOneFlowAndAStrayReplyIsItsOwn() {
  var story = Story()
  story.icmp("10.0.0.1", "10.0.0.2", type: 8, identifier: 7, at: 1)
  story.icmp("10.0.0.2", "10.0.0.1", type: 0, identifier: 7, at: 1)
  story.icmp("10.0.0.3", "10.0.0.1", type: 0, identifier: 9, at: 1)
  #expect(
    story.told().prefix(3) == [
      "1.0 opened 10.0.0.1:7 10.0.0.2:2048 icmpEcho",
      "1.0 established 10.0.0.1:7 10.0.0.2:2048", "1.0 opened 10.0.0.3:9 10.0.0.1:0 icmpOther",
    ])
}

@Test func aBroadcastIsNeverUnanswered() {
  var story = Story()
  story.udp("10.0.0.1:68", "255.255.255.255:67", at: 1)
  story.udp("10.0.0.1:5353", "224.0.0.251:5353", at: 1)
  #expect(!story.events().contains { $0.kind == .unanswered })
}

@Test func arpShowsItsBodyAndWhereTheFrameDiffers() {
  var story = Story()
  story.arp(2, "10.0.0.5", "10.0.0.6", at: 1)
  let event = story.events()[0]
  #expect(event.kind == .arp && event.arpOperation == 2)
  #expect(event.sourceMAC.description == "02:00:00:00:00:09")
  #expect(event.frameMAC.description == "02:00:00:00:00:01")
}

@Test func aTimeThatGoesBackIsClampedAndCounted() {
  var story = Story()
  story.udp("10.0.0.1:5000", "10.0.0.2:161", at: 5)
  story.udp("10.0.0.1:5001", "10.0.0.2:161", at: 1)
  let (events, statistics) = story.run()
  #expect(events.prefix(2).allSatisfy { $0.time.seconds == 5 })
  #expect(statistics.clampedTimes == 1)
}
