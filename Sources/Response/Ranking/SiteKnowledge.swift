import Analysis
import Hierarchy
import Reports
import Terms

/// What rank rests on besides the reports: the site's hosts, and what it takes an interest in. One for
/// all incidents of a monitor; the topology's, and so no part of a state. With another inventory a
/// monitor goes on from its state, and ranks anew what it tells from then on.
public final class SiteKnowledge: Sendable {
  let hosts: [IPAddress: HostFacts]
  /// What counts as inside; where nothing is said, everything does.
  private let home: PrefixTable<Bool>
  private let isEverythingHome: Bool
  private let interest: [String: Double]

  public init(
    hosts: [IPAddress: HostFacts] = [:], home: [IPPrefix] = [], interest: [String: Double] = [:]
  ) {
    self.hosts = hosts
    var table = PrefixTable<Bool>()
    for prefix in home { table[prefix] = true }
    self.home = table
    isEverythingHome = home.isEmpty
    self.interest = interest
  }

  public convenience init(_ topology: Topology) {
    self.init(hosts: topology.hosts, home: topology.homePrefixes, interest: topology.interest)
  }

  /// Of a site that says nothing.
  public static let none = SiteKnowledge()

  /// Whether an address is the site's.
  func holds(_ address: IPAddress) -> Bool {
    isEverythingHome || hosts[address] != nil || home.match(IPPrefix(host: address)) != nil
  }

  /// Interest in a report's kind: what the site says of it, of its family or of all, else what its
  /// severity is of ten.
  func interest(in report: Report) -> Double {
    guard !interest.isEmpty else { return min(1, max(0, report.severity / 10)) }
    return interest[report.kind.text] ?? interest["\(report.kind.family).*"] ?? interest["*"]
      ?? min(1, max(0, report.severity / 10))
  }

  /// The worth of the most valuable target, as risk has it.
  func riskValue(of report: Report) -> Int {
    guard !hosts.isEmpty else { return Asset.standardValue }
    let values = report.targets.listed.lazy.filter(\.isHost)
      .compactMap { self.hosts[$0.base]?.asset?.value }
    return values.max() ?? Asset.standardValue
  }
}
