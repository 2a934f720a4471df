import Reports
import Terms
import Testing

@testable import Correlation

@Suite struct DistributedFloodTests {
  /// A minute of ordinary visits, then requests from three sides that the site no longer finishes.
  static let quiet = (0..<6).map {
    "00:\($0)2 hq-dmz arrivals 6 from 198.51.100.1-3 to 10.10.1.11 ports 80"
  }.joined(separator: "\n")
  static let flood = """
    01:02 hq-dmz arrivals 90 open 50 from 203.0.113.1-9,10.10.2.4,10.20.1.4 to 10.10.1.11 ports 80
    01:02 hq-office arrivals 25 open 12 from 10.10.2.4-5 to 10.10.1.11 ports 80
    01:02 br-office arrivals 25 open 12 from 10.20.1.4-5 to 10.10.1.11 ports 80
    01:12 hq-dmz arrivals 95 open 60 from 203.0.113.1-9,10.10.2.4,10.20.1.4 to 10.10.1.11 ports 80
    01:12 hq-office arrivals 24 open 12 from 10.10.2.4-5 to 10.10.1.11 ports 80
    01:12 br-office arrivals 22 open 12 from 10.20.1.4-5 to 10.10.1.11 ports 80
    """

  @Test func modestIngressesThatDrownOneTargetAreOneFlood() throws {
    let tree = try TestTree(Self.quiet + "\n" + Self.flood)
    #expect(lines(tree.enterpriseIncidents).count == 1)
    let incident = try #require(tree.enterpriseIncidents.first)
    #expect(incident.kind == .distributedFlood)
    #expect(incident.attributes["segments"] == .text("br-office,hq-office,internet"))
    #expect(incident.attributes["ingresses"] == .count(3))
    #expect(incident.targets.listed.map(\.description) == ["10.10.1.11"])
  }

  /// Two clients come as always, one of them a proxy that always comes often; the rest insist.
  @Test func aFloodNamesThoseWhoInsistAndNotItsTargetsClients() throws {
    let calm = (0..<6).map {
      "00:\($0)2 hq-dmz arrivals 9 from 198.51.100.1-3 to 10.10.1.11 ports 80 busy 198.51.100.3 each 7"
    }
    let flood = ["01:02", "01:12"].flatMap { time in
      [
        "\(time) hq-dmz arrivals 90 open 50 from 203.0.113.1-9,10.10.2.4,10.20.1.4,198.51.100.1-3"
          + " to 10.10.1.11 ports 80 busy 203.0.113.1-6 each 9",
        "\(time) internet arrivals 60 open 50 from 203.0.113.1-9,198.51.100.1-3"
          + " to 10.10.1.11 ports 80 busy 198.51.100.3 each 8",
        "\(time) hq-office arrivals 25 open 12 from 10.10.2.4 to 10.10.1.11 ports 80"
          + " busy 10.10.2.4 each 25",
      ]
    }
    let tree = try TestTree((calm + flood).joined(separator: "\n"))
    let incident = try #require(tree.enterpriseIncidents.first)
    #expect(incident.kind == .distributedFlood)
    #expect(
      incident.sources.listed.map(\.base.description) == ["10.10.2.4"]
        + (1...6).map { "203.0.113.\($0)" })
  }

  @Test func aLocalFloodReportIsFoldedIntoIt() throws {
    let tree = try TestTree(
      Self.quiet + "\n" + Self.flood + "\n"
        + "01:08 hq-dmz dos.syn-flood from 203.0.113.1-9 to 10.10.1.11 ports 80")
    #expect(tree.enterpriseIncidents.map(\.kind) == [.distributedFlood])
  }

  @Test func localFloodsThroughTwoSegmentsAreOne() throws {
    let tree = try TestTree(
      """
      00:05 hq-office dos.syn-flood from 10.10.2.4 to 10.10.1.11 ports 80
      00:09 br-office dos.syn-flood from 10.20.1.4 to 10.10.1.11 ports 80
      """)
    #expect(tree.enterpriseIncidents.map(\.kind) == [.distributedFlood])
  }

  @Test func sourcesThatInsistOnASiteThatHoldsAreALesserFlood() throws {
    let insistent = ["01:02", "01:12", "01:22"].map { time in
      """
      \(time) hq-dmz arrivals 90 from 203.0.113.1-4,10.10.2.4,10.20.1.4 to 10.10.1.11 ports 80
      \(time) hq-office arrivals 30 from 10.10.2.4 to 10.10.1.11 ports 80
      \(time) br-office arrivals 30 from 10.20.1.4 to 10.10.1.11 ports 80
      """
    }
    let tree = try TestTree(Self.quiet + "\n" + insistent.joined(separator: "\n"))
    #expect(tree.enterpriseIncidents.map(\.kind) == [.distributedFlood])
    #expect(tree.enterpriseIncidents.allSatisfy { $0.severity <= 6 })
  }

  /// A crawler outside and a checker of links inside; the same two in a rush; a crowd as slow as they.
  @Test(arguments: [(1, 36, 0), (1, 60, 1), (6, 36, 1)])
  func fewWhoFetchPageAfterPageAreNoFlood(outside: Int, each: Int, incidents: Int) throws {
    let (some, all) = (outside * each, (outside + 1) * each)
    let rows = ["01:02", "01:12", "01:22"].map { time in
      """
      \(time) hq-dmz arrivals \(all) from 203.0.113.1-\(outside),10.10.2.4 to 10.10.1.11 ports 80 \
      busy 203.0.113.1-\(outside),10.10.2.4 each \(each)
      \(time) internet arrivals \(some) from 203.0.113.1-\(outside) to 10.10.1.11 ports 80 \
      busy 203.0.113.1-\(outside) each \(each)
      \(time) hq-office arrivals \(each) from 10.10.2.4 to 10.10.1.11 ports 80 \
      busy 10.10.2.4 each \(each)
      """
    }
    let tree = try TestTree(Self.quiet + "\n" + rows.joined(separator: "\n"))
    #expect(tree.enterpriseIncidents.count == incidents)
  }

  @Test(arguments: [(53, 0), (123, 0), (8053, 1)], ["", "open 200 "])
  func resolversAndClocksMayInsist(on service: (port: Int, incidents: Int), open: String) throws {
    let (port, incidents) = service
    let busy = ["01:02", "01:12", "01:22"].map { time in
      """
      \(time) hq-dmz arrivals 250 \(open)from 10.10.2.2,10.20.1.2 to 10.10.1.53 ports \(port)
      \(time) hq-office arrivals 80 from 10.10.2.2 to 10.10.1.53 ports \(port)
      \(time) br-office arrivals 80 from 10.20.1.2 to 10.10.1.53 ports \(port)
      """
    }
    let tree = try TestTree(Self.quiet + "\n" + busy.joined(separator: "\n"))
    #expect(lines(tree.enterpriseIncidents).count == incidents)
  }

  /// A server is off, and pages that refresh themselves ask again each second.
  @Test func clientsThatAreTurnedAwayAreNoFlood() throws {
    func asked(refused: Int) throws -> [Report] {
      let (all, half) = ("open 150 refused \(refused)", "open 75 refused \(refused / 2)")
      let rows = ["01:02", "01:12", "01:22"].map { time in
        """
        \(time) hq-dmz arrivals 150 \(all) from 10.10.2.4,10.20.1.4 to 10.10.1.11 ports 80
        \(time) hq-office arrivals 75 \(half) from 10.10.2.4 to 10.10.1.11 ports 80
        \(time) br-office arrivals 75 \(half) from 10.20.1.4 to 10.10.1.11 ports 80
        """
      }
      return try TestTree(Self.quiet + "\n" + rows.joined(separator: "\n")).enterpriseIncidents
    }
    #expect(try asked(refused: 150).map(\.kind) == [])
    #expect(try asked(refused: 0).map(\.kind) == [.distributedFlood])
  }

  @Test func absurdCountsDoNotTrap() throws {
    var reports = try TextScenario(Self.quiet + "\n" + Self.flood).reports
    for index in reports.indices {
      guard case .rates(var rows) = reports[index].summary else { continue }
      for row in rows.indices {
        rows[row].contacts = .max
        rows[row].packets = .max
        rows[row].unfinished = .max
        rows[row].first = row % 2 == 0 ? .distantPast : .distantFuture
      }
      reports[index].summary = .rates(rows)
      reports[index].first = .distantPast
    }
    _ = try TestTree(reports)
  }

  @Test(arguments: [
    // A crawler and an update: many contacts from one side, all answered.
    """
    01:02 hq-dmz arrivals 55 from 198.51.100.7 to 10.10.1.11 ports 80
    01:12 hq-dmz arrivals 58 from 198.51.100.7 to 10.10.1.11 ports 80
    """,
    // A crowd: many people from all sides, all answered, none insisting.
    """
    01:02 hq-dmz arrivals 150 from 198.51.100.1-40,10.10.2.1-30,10.20.1.1-30 to 10.10.1.11 ports 80
    01:02 hq-office arrivals 45 from 10.10.2.1-30 to 10.10.1.11 ports 80
    01:02 br-office arrivals 45 from 10.20.1.1-30 to 10.10.1.11 ports 80
    01:12 hq-dmz arrivals 150 from 198.51.100.1-40,10.10.2.1-30,10.20.1.1-30 to 10.10.1.11 ports 80
    01:12 hq-office arrivals 45 from 10.10.2.1-30 to 10.10.1.11 ports 80
    01:12 br-office arrivals 45 from 10.20.1.1-30 to 10.10.1.11 ports 80
    """,
    // A spoofed flood through one ingress: the local monitor's business.
    "01:02 hq-dmz arrivals 900 open 900 from 1.2.3.1-60 to 10.10.1.11 ports 80",
  ])
  func crowdsAndSingleIngressesAreNone(text: String) throws {
    #expect(lines(try TestTree(Self.quiet + "\n" + text).enterpriseIncidents) == [])
  }
}
