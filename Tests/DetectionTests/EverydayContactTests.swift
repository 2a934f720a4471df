import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

/// Contacts that fail every day and are no scan, each beside the scan that it resembles.
@Suite struct EverydayContactTests {
  private func story() throws -> Story<PortScan> {
    let home = try #require(IPPrefix("10.1.0.0/16"))
    return try Story(PortScan(DetectionContext(prefixes: [home], home: [home])))
  }

  /// Thirty datagrams that nobody answers: to a few ports of twelve parties of a call, or to ever more
  /// ports of three hosts.
  @Test(arguments: [(12, 0), (3, 1)])
  func theAddressesOfACallsPartiesAreNoPorts(parties: Int, scans: Int) throws {
    var story = try story()
    for number in 0..<30 {
      story.wait(0.1)
      try story.contact(
        .unanswered, "10.1.1.9", "198.51.100.\(number % parties + 1)",
        UInt16(2000 + number &* 1931 % 60_000), probe: .udp, transport: .udp)
    }
    #expect(story.finish().count == scans)
  }

  /// SNMP to forty hosts: all are there and refuse, or half of the addresses are empty.
  @Test(arguments: [(40, 0), (20, 1)])
  func aListOfHostsIsNoRange(living: Int, scans: Int) throws {
    var story = try story()
    for number in 1...40 {
      story.wait(0.2)
      try story.contact(
        number <= living ? .refused : .unanswered, "10.1.3.9", "10.1.2.\(number)", 161,
        probe: .udp, transport: .udp)
    }
    #expect(story.finish().count == scans)
  }

  /// A stranger has no list of ours: whom he asks for SNMP he looks for.
  @Test func aStrangersListIsAScan() throws {
    var story = try story()
    for number in 1...40 {
      story.wait(0.2)
      try story.contact(
        .refused, "198.51.100.9", "10.1.2.\(number)", 161, probe: .udp, transport: .udp)
    }
    #expect(story.finish().map { $0.text("technique") } == ["udp"])
  }

  /// Sessions that were accepted and dropped before a word: by a browser of ours at sites outside, by
  /// the same at our own hosts, by a stranger.
  @Test(arguments: [
    ("10.1.1.9", "198.51.100", 0), ("10.1.1.9", "10.1.2", 1), ("203.0.113.7", "10.1.2", 1),
  ])
  func whoDropsTheSlowerOfTwoConnectionsDoesNotScan(
    source: String, net: String, scans: Int
  ) throws {
    var story = try story()
    for number in 1...30 {
      story.wait(2)
      var event = try story.event(.closed, source, "\(net).\(number)", 443)
      event.totalPacketsIn = 1
      event.totalPacketsOut = 2
      event.ending = .reset
      story.tell(event)
    }
    #expect(story.finish().count == scans)
  }

  /// Mail servers outside that are gone, for a host that mail was brought to, and for another.
  @Test(arguments: [(true, 0), (false, 1)])
  func aRelayFindsDeadMailServers(isRelay: Bool, scans: Int) throws {
    var story = try story()
    if isRelay { try story.contact(.established, "203.0.113.25", "10.1.1.25", 25) }
    for number in 1...20 {
      story.wait(3)
      try story.contact(
        number % 2 == 0 ? .refused : .unanswered, "10.1.1.25", "198.51.100.\(number)", 25)
    }
    #expect(story.finish().count == scans)
  }

  /// Whom a relay of ours looks for among ourselves is another matter.
  @Test func aRelayThatSearchesItsOwnSiteScans() throws {
    var story = try story()
    try story.contact(.established, "203.0.113.25", "10.1.1.25", 25)
    for number in 1...20 {
      story.wait(3)
      try story.contact(.refused, "10.1.1.25", "10.1.2.\(number)", 25)
    }
    #expect(story.finish().count == 1)
  }
}
