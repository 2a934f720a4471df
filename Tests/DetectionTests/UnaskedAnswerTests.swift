import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

/// Answers (SYN/ACK) that nobody asked for, as scans send them and as floods in our names bring them.
@Suite struct UnaskedAnswerTests {
  /// Tells of answers of `server` to ports of hosts of ours, and returns what is said of them.
  private func answers(
    of server: String, to doors: [(host: String, port: UInt16)], isReset: Bool
  ) throws -> [Report] {
    var story = try Story(PortScan(DetectionContext()))
    for door in doors {
      story.wait(0.2)
      var event = try story.event(.closed, door.host, server, 443, probe: .midstream)
      event.sourcePort = door.port
      event.totalPacketsIn = 1
      event.totalPacketsOut = isReset ? 1 : 0
      event.ending = isReset ? .reset : .idle
      story.tell(event)
    }
    return story.finish()
  }

  @Test func answersToPortAfterPortOfAServerAreAScan() throws {
    let told = try answers(
      of: "198.51.100.7", to: (1...40).map { ("10.1.1.5", $0) }, isReset: true)
    #expect(told.map(\.story) == ["recon.port-scan 198.51.100.7 > 10.1.1.5"])
    #expect(told.map { $0.text("technique") } == ["syn-ack"])
  }

  @Test func answersToOnePortOfManyHostsAreAScanThoughNobodyIsThere() throws {
    let told = try answers(
      of: "198.51.100.7", to: (1...40).map { ("10.1.1.\($0)", 80) }, isReset: false)
    #expect(told.map { $0.text("shape") } == ["horizontal"])
    #expect(told.map { $0.text("technique") } == ["syn-ack"])
  }

  /// A server that is flooded in our names answers to ports as flood tools invent them.
  @Test(arguments: [true, false])
  func whatAFloodInOurNamesBringsIsNoScan(isOneHost: Bool) throws {
    let doors = (0..<2000).map { number in
      (
        host: isOneHost ? "10.1.1.5" : "10.1.1.\(number % 250 + 1)",
        port: UInt16(truncatingIfNeeded: 100 &+ number &* 7919)
      )
    }
    #expect(try answers(of: "198.51.100.7", to: doors, isReset: isOneHost).isEmpty)
  }

  /// Sessions that were met between question and answer: clients of one server.
  @Test func answersToClientsAreNoScan() throws {
    let doors = (1...60).map { (host: "10.1.1.\($0)", port: UInt16(40_000 + $0)) }
    #expect(try answers(of: "198.51.100.7", to: doors, isReset: true).isEmpty)
  }
}
