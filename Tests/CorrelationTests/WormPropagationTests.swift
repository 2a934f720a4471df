import Reports
import Terms
import Testing

@testable import Correlation

@Suite struct WormPropagationTests {
  /// A web server is reached, searches, reaches a file server, which searches and reaches a branch
  /// host.
  static let worm = """
    00:12 hq-dmz fails from 10.10.1.30 to 10.10.1.40-47 ports 8088 reaches 10.10.3.10
    00:25 hq-servers fails from 10.10.3.10 to 10.10.3.50-56 ports 8088 reaches 10.20.1.4
    00:38 br-office fails from 10.20.1.4 to 10.20.1.60-66 ports 8088
    """

  @Test func aVictimTurnedAttackerIsAWorm() throws {
    let tree = try TestTree(Self.worm)
    #expect(
      lines(tree.domainIncidents) == ["worm.propagation by 10.10.1.30,10.10.3.10 on 17 ports 8088"])
    #expect(
      lines(tree.enterpriseIncidents) == [
        "worm.outbreak by 10.10.1.30,10.10.3.10,10.20.1.4 on 24 ports 8088"
      ])
    let outbreak = try #require(tree.enterpriseIncidents.first)
    #expect(outbreak.attributes["generations"] == .count(3))
    #expect(outbreak.attributes["root"] == IPAddress("10.10.1.30").map { .address($0) })
    #expect(outbreak.raised < outbreak.emitted, "revised, not repeated")
  }

  /// It is in two segments, and its hosts were at more hosts of a third than of a fourth.
  @Test func whereAWormGoesNextIsForeseen() throws {
    let steps = Self.worm.split(separator: "\n").map(String.init)
    let before = [
      steps[0], "00:26 hq-servers fails from 10.10.3.10 to 10.10.2.50-52 ports 8088", steps[1],
    ]
    let tree = try TestTree(before.joined(separator: "\n"))
    let early = try #require(tree.enterpriseIncidents.first)
    #expect(early.attributes["segments"] == .text("hq-dmz,hq-servers"))
    // One that was reached weighs more than three tried in vain.
    #expect(early.attributes["next"] == .text("br-office"))
    let unreached = before.map { $0.replacing(" reaches 10.20.1.4", with: "") }
    let searching = try TestTree(unreached.joined(separator: "\n"))
    #expect(searching.enterpriseIncidents.first?.attributes["next"] == .text("hq-office"))
    // Once it has come there, it is foreseen no more.
    let later = try TestTree(Self.worm).enterpriseIncidents.first
    #expect(later?.attributes["segments"] == .text("br-office,hq-dmz,hq-servers"))
    #expect(later?.attributes["next"] == nil)
  }

  /// A datagram infects without an answer.
  @Test func aWormOfDatagramsIsOneThoughNobodyAnswers() throws {
    let tree = try TestTree(
      """
      00:12 hq-dmz fails from 10.10.1.30 to 10.10.3.8-12 ports 1434 over udp
      00:13 hq-servers fails from 10.10.3.10 to 10.20.1.1-6 ports 1434 over udp
      """)
    #expect(tree.enterpriseIncidents.map(\.kind) == [.wormPropagation])
  }

  @Test func portScansOfItsHostsAreFoldedIntoIt() throws {
    let scans = """
      00:14 hq-dmz recon.port-scan from 10.10.1.30 to 10.10.1.40-47 ports 8088
      00:27 hq-servers recon.port-scan from 10.10.3.10 to 10.10.3.50-56 ports 8088
      00:41 br-office recon.port-scan from 10.20.1.4 to 10.20.1.60-66 ports 8088
      """
    let tree = try TestTree(Self.worm + "\n" + scans)
    #expect(tree.enterpriseIncidents.map(\.kind) == [.wormOutbreak])
  }

  @Test func aScanOpenedLongBeforeBecomesTheWorm() throws {
    let tree = try TestTree(
      """
      00:02 hq-dmz recon.port-scan from 10.10.1.30 to 10.10.1.40-47 ports 8088
      00:05 hq-dmz fails from 10.10.1.30 to 10.10.1.40-47 ports 8088 reaches 10.10.3.10
      09:25 hq-servers fails from 10.10.3.10 to 10.10.3.50-56 ports 8088
      """)
    #expect(tree.enterpriseIncidents.map(\.kind) == [.wormPropagation])
  }

  @Test(arguments: [
    // An administrator's chain of logins.
    """
    00:05 hq-dmz arrivals 20 from 10.10.2.5 to 10.10.1.30 ports 22
    00:15 hq-servers arrivals 20 from 10.10.1.30 to 10.10.3.10 ports 22
    00:25 hq-servers arrivals 20 from 10.10.3.10 to 10.10.3.20 ports 22
    """,
    // An intruder: scanned on many ports, he goes on from the host on others.
    """
    00:02 hq-dmz fails from 203.0.113.94 to 10.10.1.10-13 ports 21,23,25,53,80,110,445,3306
    00:02 hq-dmz fails from 203.0.113.94 to 10.10.1.10-13 ports 22 reaches 10.10.1.30
    00:15 hq-servers fails from 10.10.1.30 to 10.10.3.8-13 ports 22,80,445,6379
    """,
    // Clients of a service that all miss the same dead servers.
    """
    00:05 hq-dmz fails from 10.10.2.5 to 10.10.1.1-5 ports 9000
    00:15 hq-dmz fails from 10.10.2.6 to 10.10.1.1-5 ports 9000
    00:25 hq-dmz fails from 10.10.2.7 to 10.10.1.1-5 ports 9000
    00:35 hq-dmz fails from 10.10.2.8 to 10.10.1.1-5 ports 9000
    00:45 hq-dmz fails from 10.10.2.9 to 10.10.1.1-5 ports 9000
    """,
    // Own hosts that share out a scan.
    """
    00:01 hq-office fails from 10.10.2.5 to 10.10.3.1-2 ports 445
    00:02 hq-office fails from 10.10.2.6 to 10.10.3.11-12 ports 445
    00:03 br-office fails from 10.20.1.7 to 10.10.3.21-22 ports 445
    00:04 br-office fails from 10.20.1.8 to 10.10.3.31-32 ports 445
    00:15 hq-office fails from 10.10.2.5 to 10.10.3.3-5 ports 445
    00:16 hq-office fails from 10.10.2.6 to 10.10.3.13-15 ports 445
    00:17 br-office fails from 10.20.1.7 to 10.10.3.23-25 ports 445
    00:18 br-office fails from 10.20.1.8 to 10.10.3.33-35 ports 445
    """,
  ])
  func chainsWithoutASearchOnTheSamePortAreNoWorm(text: String) throws {
    let kinds = try TestTree(text).enterpriseIncidents.map(\.kind.family)
    #expect(!kinds.contains("worm"))
  }

  @Test func hostsThatBeginOneByOneAreASpreadThoughNoStepWasSeen() throws {
    let tree = try TestTree(
      """
      00:05 hq-dmz fails from 10.10.1.30 to 10.10.1.40-45 ports 8088
      05:15 hq-servers fails from 10.10.3.10 to 10.10.3.40-45 ports 8088
      09:25 br-office fails from 10.20.1.4 to 10.20.1.40-45 ports 8088
      12:35 br-servers fails from 10.20.2.4 to 10.20.2.40-45 ports 8088
      """)
    let kinds = tree.enterpriseIncidents.map(\.kind)
    #expect(kinds == [.wormPropagation])
    #expect(tree.enterpriseIncidents.allSatisfy { $0.confidence <= 0.6 })
  }
}
