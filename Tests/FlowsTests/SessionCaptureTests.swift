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
