import Capture
import Flows
import Packets
import Terms
import Testing

/// What the sessions of a capture tell; the engine is flushed after every `chunk` frames.
private func told(_ name: String, chunk: Int) throws -> [SessionEvent] {
  let path = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
  var file = try CaptureFile(path: "/\(path)/Captures/\(name).pcap.zst")
  var engine = FlowEngine()
  var events: [SessionEvent] = []
  while try file.read(
    atMost: chunk,
    {
      engine.take($0.bytes, linkType: $0.linkType, wireLength: $0.wireLength, time: $0.time)
    }) > 0
  {
    engine.flush()
    events += engine.sessionEvents
    engine.clearSessionEvents()
    engine.clearEvents()
  }
  engine.finish()
  return events + engine.sessionEvents
}

struct SessionCaptureTests {
  @Test(arguments: ["office-talk", "office-day", "ftp-http-logins", "ssh-logins"])
  func eventsDoNotDependOnWhereTheInputIsCut(capture: String) throws {
    let whole = try told(capture, chunk: 10_000)
    #expect(whole.count > 50)
    #expect(whole.map(\.time) == whole.map(\.time).sorted())
    let reference = whole.map { "\($0)" }
    for chunk in [1, 13] {
      #expect(try told(capture, chunk: chunk).map { "\($0)" } == reference)
    }
  }

  /// Flows that are dismissed at once, reopened, evicted and picked up again, among others.
  @Test(arguments: 1...12 as ClosedRange<UInt64>)
  func noPayloadIsMissedWhereverTheInputIsCut(seed: UInt64) {
    var random = SeededGenerator(state: seed)
    var story = Story()
    story.limits.capacity = 16
    var time = 100.0
    let texts = ["PRI * HTTP/2.0\r\n", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\n\r\n", "hello"]
    for _ in 0..<4000 {
      time += Int.random(in: 0..<60, using: &random) == 0 ? 12 : 0.01
      let client = "10.0.0.\(Int.random(in: 1...40, using: &random)):4000"
      let flags: [TCPFlags] = [.syn, [.ack, .push], [.ack, .push], [.ack, .fin], .ack, .reset]
      let text = Bool.random(using: &random) ? texts.randomElement(using: &random) ?? "" : ""
      story.segment(
        client, "10.0.0.99:80", flags.randomElement(using: &random) ?? .ack, at: time,
        sequence: .random(in: 0...60, using: &random), Array(text.utf8))
    }
    let reference = story.sessionEvents(chunk: 1).map { "\($0)" }
    #expect(reference.count > 500)
    for chunk in [2, 40, 10_000] {
      #expect(story.sessionEvents(chunk: chunk).map { "\($0)" } == reference)
    }
  }

  @Test func guessesAtSSHAreSeenByTheirSizes() throws {
    var failures: [IPAddress: Int] = [:]
    for event in try told("ssh-logins", chunk: 1000) {
      guard case .ssh(let progress) = event.what, progress.stage == .loginFailed else { continue }
      failures[event.client, default: 0] += 1
    }
    #expect(failures.count == 1)
    #expect(failures.values.allSatisfy { $0 >= 20 })
  }

  @Test func guessesAtFTPAreReadFromItsReplies() throws {
    var failures: [IPAddress: Int] = [:]
    for event in try told("ftp-http-logins", chunk: 1000) {
      guard case .ftpReply(let reply) = event.what, reply.endsLogin, reply.outcome == .negative
      else { continue }
      failures[event.client, default: 0] += 1
    }
    #expect(failures.values.contains { $0 >= 10 })
  }

  /// The second consists of frames cut at 90 bytes.
  @Test(arguments: ["office-talk", "office-day"])
  func aQuietDayHasNoOverlapsAndNoMalformedNames(capture: String) throws {
    for event in try told(capture, chunk: 1000) {
      switch event.what {
      case .overlap: Issue.record("\(event)")
      case .dns(let message): #expect(message.malformation == .none)
      default: break
      }
    }
  }
}
