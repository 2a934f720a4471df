import Hierarchy
import Monitoring
import Reports
import Terms
import Testing

@testable import Replay
@testable import Tiers

/// Several attacks at once: each stays one incident of the enterprise, and none is invented.
@Suite struct MixTests {
  /// Which attacks, and a tap that saw nothing.
  static let mixes: [(names: [String], blind: String?)] = [
    (["intrusion", "website-flood"], nil), (["worm", "website-flood"], nil),
    (["distributed-scan", "website-flood"], nil), (["intrusion", "website-flood"], "internet"),
    (["worm", "website-flood"], "internet"), (["worm", "website-flood"], "hq-dmz"),
  ]

  private func incidents(_ recording: Recording, without blind: String?) throws -> [Report] {
    let topology = try Recording.topology()
    let sources = recording.sources.filter { $0.key.text != blind }
    let tree = SimulatedTree(topology: topology, site: SiteFacts(topology), sources: sources)
    try tree.run()
    let top = try #require(topology.roots.first?.name)
    var newest: [ReportID: Report] = [:]
    for report in tree.produced(by: top).map(\.report) where report.reportClass == .incident {
      newest[report.id] = report
    }
    return newest.values.filter {
      $0.partOf == nil && $0.severity > Report.informationalSeverity && $0.kind.family != "health"
    }
  }

  @Test(arguments: mixes) func eachAttackStaysOneIncident(names: [String], blind: String?) throws {
    let recordings = try names.map { try Recording($0) }
    let alone = try recordings.flatMap { try incidents($0, without: blind) }
    let mixed = try incidents(Recording(mixing: recordings), without: blind)
    #expect(mixed.map(\.kind).sorted() == alone.map(\.kind).sorted())
    // Nobody is named who only has a part in the other; of a flood, all who came to its target are.
    for report in mixed where report.kind.family != "dos" {
      let own = alone.filter { $0.kind == report.kind }.flatMap(\.sources.listed)
      let foreign = Set(alone.flatMap(\.sources.listed)).subtracting(own)
      #expect(foreign.isDisjoint(with: report.sources.listed), "\(report.kind)")
    }
  }
}
