import Reports
import Terms
import Testing

@testable import Correlation

@Suite struct DistributedScanTests {
  /// Twelve sources, one probe each, over three segments and two ports.
  static let scan = """
    00:01 hq-dmz fails from 203.0.113.1 to 10.10.1.10 ports 445
    00:03 hq-dmz fails from 203.0.113.2 to 10.10.1.11 ports 3389
    00:15 hq-dmz fails from 203.0.113.3 to 10.10.1.12 ports 445
    00:17 hq-dmz fails from 203.0.113.4 to 10.10.1.13 ports 3389
    00:25 hq-office fails from 203.0.113.5 to 10.10.2.2 ports 445
    00:28 hq-office fails from 203.0.113.6 to 10.10.2.3 ports 3389
    00:35 hq-servers fails from 203.0.113.7 to 10.10.3.10 ports 445
    00:37 hq-servers fails from 203.0.113.8 to 10.10.3.11 ports 3389
    00:39 hq-servers fails from 203.0.113.9 to 10.10.3.12 ports 445
    00:45 br-office fails from 203.0.113.10 to 10.20.1.5 ports 445
    00:47 br-servers fails from 203.0.113.11 to 10.20.2.5 ports 3389
    00:49 br-servers fails from 203.0.113.12 to 10.20.2.6 ports 445
    """

  @Test func manySourcesWithOneProbeEachAreOneScan() throws {
    let tree = try TestTree(Self.scan)
    #expect(
      lines(tree.domainIncidents) == ["recon.distributed-scan by 9 on 9 ports 445,3389"])
    #expect(
      lines(tree.enterpriseIncidents) == ["recon.distributed-scan by 12 on 12 ports 445,3389"])
    let incident = try #require(tree.enterpriseIncidents.first)
    #expect(incident.revision > 0)
    #expect(!incident.derivedFrom.isEmpty)
    #expect(incident.coverage.segments.count == 5)
    let failures = try #require(incident.terms.first { $0.name == "independent failures" })
    #expect(failures.value == 12 && failures.value >= failures.threshold ?? 99)
  }

  /// Sources that try one door each, at those of six hosts or each at another's, within few seconds or
  /// a minute; and such as try two.
  @Test(arguments: [
    (sources: 96, probes: 1, hosts: 6, seconds: 8, scans: 0), (96, 1, 96, 8, 1),
    (96, 1, 6, 60, 1), (48, 2, 6, 8, 1),
  ])
  func whoComesToTheSameDoorsAgainIsAFlood(
    sources: Int, probes: Int, hosts: Int, seconds: Int, scans: Int
  ) throws {
    let text = (0..<sources * probes).map { number in
      let second = number * seconds / (sources * probes)
      return "00:\(second < 10 ? "0" : "")\(second) hq-dmz fails from "
        + "203.0.113.\(number % sources + 1) to 10.10.1.\(10 + (number + number / sources) % hosts) ports 445"
    }
    let tree = try TestTree(text.joined(separator: "\n"))
    #expect(tree.enterpriseIncidents.count == scans)
  }

  /// What failed looks like a scan by many, until a tap tells of a flood over the network at these
  /// ports; one at others explains nothing.
  @Test(arguments: [
    ([UInt16(445), 3389], [ReportKind.synFlood]), ([80], [.distributedScan, .synFlood]),
  ])
  func aFloodOverANetworkExplainsWhatItLeaves(ports: [UInt16], kinds: [ReportKind]) throws {
    let scan = (1...24).map { number in
      "00:\(number) hq-dmz fails from 203.0.113.\(number) to 10.10.1.\(number + 9) ports "
        + (number % 2 == 0 ? "445" : "3389")
    }
    var reports = try TextScenario(
      scan.joined(separator: "\n")
        + "\n00:40 internet dos.syn-flood from 198.51.100.1 to 10.10.1.0 ports 1"
    ).reports
    let place = try #require(reports.firstIndex { $0.kind == .synFlood })
    let net = try #require(IPPrefix("10.10.1.0/24"))
    reports[place].targets = AddressSet()
    reports[place].targets.insert(net)
    reports[place].ports = ports
    reports[place].first = reports[place].first - .seconds(40)
    reports[place].attributes["technique"] = .text(Report.carpetTechnique)
    let told = try TestTree(reports).enterpriseIncidents
    #expect(Set(told.map(\.kind)) == Set(kinds))
  }

  /// The same scan, slower; 49 s become 82 minutes.
  @Test(arguments: [10, 100]) func slownessDoesNotHideIt(factor: Int) throws {
    let slow = Self.scan.split(separator: "\n").map { line in
      let seconds = Int(line.prefix(5).suffix(2)) ?? 0
      let total = seconds * factor
      return "\(total / 60):\(total % 60)" + line.dropFirst(5)
    }
    let tree = try TestTree(slow.joined(separator: "\n"))
    #expect(
      lines(tree.enterpriseIncidents) == ["recon.distributed-scan by 12 on 12 ports 445,3389"])
  }

  @Test func arrivalOrderWithinAnInstantChangesNothing() throws {
    let reports = try TextScenario(Self.scan).reports
    let forward = try TestTree(reports).enterpriseIncidents
    let backward = try TestTree(reports.reversed()).enterpriseIncidents
    #expect(forward == backward)
  }

  @Test(arguments: [
    // One scanner, many targets.
    "00:01 hq-dmz fails from 203.0.113.1 to 10.10.1.10-20 ports 445",
    // A dead server that all clients miss.
    "00:01 hq-dmz fails from 10.10.2.1-40 to 10.10.1.10 ports 80",
    // A spoofed flood on one port.
    "00:01 hq-dmz fails from 1.2.3.1-60 to 10.10.1.10 ports 80",
    // Clients that fail outside.
    """
    00:01 hq-office fails from 10.10.2.1 to 198.51.100.1 ports 443
    00:01 hq-office fails from 10.10.2.2 to 198.51.100.2 ports 443
    00:01 hq-office fails from 10.10.2.3 to 198.51.100.3 ports 443
    00:11 hq-office fails from 10.10.2.4 to 198.51.100.4 ports 443
    00:11 hq-office fails from 10.10.2.5 to 198.51.100.5 ports 443
    00:11 hq-office fails from 10.10.2.6 to 198.51.100.6 ports 443
    00:11 hq-office fails from 10.10.2.7 to 198.51.100.7 ports 443
    """,
    // An outage of services that were well before.
    """
    00:01 hq-servers arrivals 30 from 10.10.2.1-9 to 10.10.3.1-9 ports 80
    01:01 hq-servers fails from 10.10.2.1 to 10.10.3.1 ports 80
    01:01 hq-servers fails from 10.10.2.2 to 10.10.3.2 ports 80
    01:01 hq-servers fails from 10.10.2.3 to 10.10.3.3 ports 80
    01:01 hq-servers fails from 10.10.2.4 to 10.10.3.4 ports 80
    01:01 hq-servers fails from 10.10.2.5 to 10.10.3.5 ports 80
    01:01 hq-servers fails from 10.10.2.6 to 10.10.3.6 ports 80
    01:01 hq-servers fails from 10.10.2.7 to 10.10.3.7 ports 80
    """,
  ])
  func oneCauseIsNoDistributedScan(text: String) throws {
    #expect(lines(try TestTree(text).enterpriseIncidents) == [])
  }

  /// Twelve own hosts that each try a server of their own once, or again after an epoch.
  @Test(arguments: [true, false]) func clientsOfDeadServersTryAgainAndScannersDoNot(again: Bool)
    throws
  {
    let lines = (0..<12).flatMap { client in
      [3, 18].prefix(again ? 2 : 1).map {
        "00:\($0 < 10 ? "0" : "")\($0) hq-office fails from 10.10.2.\(client + 1) "
          + "to 10.10.3.\(client + 100) ports 445"
      }
    }
    let tree = try TestTree(lines.joined(separator: "\n"))
    #expect(tree.enterpriseIncidents.map(\.kind) == (again ? [] : [.distributedScan]))
  }

  /// Eight sources, five ports each of one host; `shared`: all try the same.
  private func onOneHost(from first: Int, shared: Bool = false, ports of: Int = 5) -> String {
    (0..<8).map { source in
      let ports = (0..<of).map { String(first + (shared ? 0 : source * of) + $0) }
      return "00:\(10 + source) hq-dmz fails from 203.0.113.\(source + 1) to 10.10.1.31 ports "
        + ports.joined(separator: ",")
    }.joined(separator: "\n")
  }

  @Test func sourcesThatShareThePortsOfOneHostAreOneScan() throws {
    let tree = try TestTree(onOneHost(from: 20))
    #expect(tree.enterpriseIncidents.map(\.kind) == [.distributedScan])
    let incident = try #require(tree.enterpriseIncidents.first)
    #expect(incident.sources.count == 8)
    #expect(incident.targets.listed.map(\.description) == ["10.10.1.31"])
    #expect(incident.terms.contains { $0.name == "sources that share the ports" && $0.value == 8 })
  }

  @Test func decoysTransfersAndForgedFloodsShareNoPorts() throws {
    #expect(lines(try TestTree(onOneHost(from: 20, shared: true)).enterpriseIncidents) == [])
    // What a server's clients fail at behind a filter are ports that it chose.
    #expect(lines(try TestTree(onOneHost(from: 50_000)).enterpriseIncidents) == [])
    #expect(lines(try TestTree(onOneHost(from: 20, ports: 2)).enterpriseIncidents) == [])
  }

  @Test func aMatchingCountsOnlyWhatSharesNoEnd() {
    #expect(Matching.independent([(1, 10), (2, 10), (3, 10)]) == 1)
    #expect(Matching.independent([(1, 10), (1, 11), (2, 10)]) == 2)
    #expect(Matching.independent([(1, 10), (2, 11), (3, 12)]) == 3)
  }
}
