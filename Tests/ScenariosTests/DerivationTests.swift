import Archive
import Foundation
import Monitoring
import Reports
import Scenarios
import Terms
import Testing

@Suite struct DerivationTests {
  let scratch: Scratch
  let tree = Tree()

  init() throws { scratch = try Scratch() }

  private func short(_ report: Report) -> String { String(report.id.description.prefix(8)) }

  private var expected: String {
    """
    enterprise acme  recon.distributed-scan  203.0.113.1 203.0.113.2 +10 → 10.10.1.10  \
    severity 7, confidence 0.8  [\(short(tree.enterprise))]
    ├─ domain hq  recon.distributed-scan  203.0.113.1 203.0.113.2 +10 → 10.10.1.10  \
    severity 6, confidence 0.8  [\(short(tree.domain))]
    │  ├─ sources 12 ≥ 8 addresses
    │  ├─ weight 0.25
    │  ├─ without office (silent)
    │  ├─ local dmz  evidence.first-contacts  epoch to 2023-11-14 22:13:30  \
    [\(short(tree.dmz))]
    │  │  └─ 203.0.113.1 → 10.10.1.10 tcp/22: 4 first contacts, 3 failed; \
    hq-dmz.pcap packets 17, 18
    │  ├─ local office  evidence.first-contacts  epoch to 2023-11-14 22:13:30  \
    [\(short(tree.office))]
    │  │  └─ 203.0.113.1 → 10.10.1.10 tcp/22: 4 first contacts, 3 failed; office.pcap packet 90
    │  └─ local dmz  recon.port-scan  203.0.113.1 → 10.10.1.10  severity 4, confidence 0.8  \
    [\(short(tree.scan))]
    │     ├─ failures 21 ≥ 20 contacts
    │     ├─ decoys 3, technique syn
    │     └─ hq-dmz.pcap packets 4, 5
    └─ local dmz  evidence.first-contacts  epoch to 2023-11-14 22:13:30  \
    [\(short(tree.dmz))]  (see above)
    """
  }

  @Test func theWalkDownAResultEndsAtPackets() throws {
    var lookup = ReportLookup(try scratch.result(tree.all))
    let id = try lookup.resolve(short(tree.enterprise))
    #expect(try Derivation(of: id, in: &lookup).description == expected)
  }

  @Test func theWalkDownTheArchivesOfEveryTierIsTheSame() throws {
    try FileManager.default.createDirectory(
      atPath: scratch.path + "/keep/hq", withIntermediateDirectories: true)
    try FileManager.default.createDirectory(
      atPath: scratch.path + "/keep/dmz", withIntermediateDirectories: true)
    // Written and left open: a monitor may still run.
    let hq = try ReportArchive(scratch.path + "/keep/hq/reports.sqlite")
    try hq.appendProduced(
      [tree.domain, tree.enterprise].map { ProducedReport(sequence: nil, report: $0) },
      lane: .live)
    let dmz = try ReportArchive(scratch.path + "/keep/dmz/reports.sqlite")
    try dmz.appendProduced(
      [tree.dmz, tree.office, tree.scan].map { ProducedReport(sequence: nil, report: $0) },
      lane: .live)
    var lookup = try ReportLookup(paths: [scratch.path + "/keep"])
    let derivation = try Derivation(of: tree.enterprise.id.description, in: &lookup)
    #expect(derivation.description == expected)
    #expect(lookup.ids.count == 5)
  }

  @Test func evidenceThatSaysNothingOfTheVerdictIsCountedNotTold() throws {
    guard case .contacts(let rows)? = tree.dmz.summary else { return }
    var lab = tree.dmz
    lab.id.low += 1
    lab.monitor = name("lab")
    lab.summary = .contacts(Array(rows.dropLast()))
    var domain = tree.domain
    domain.derivedFrom.append(lab.id)
    var lookup = ReportLookup(try scratch.result([tree.dmz, tree.office, tree.scan, lab, domain]))
    let text = try Derivation(of: domain.id.description, in: &lookup).description
    #expect(text.hasSuffix("└─ … 1 evidence report without a row of this"))
    #expect(!text.contains("local lab"))
    // Where nothing fits, all of it is told: nobody may have to guess what it was.
    domain.derivedFrom = [lab.id]
    lookup = ReportLookup(try scratch.result([lab, domain]))
    #expect(
      try Derivation(of: domain.id.description, in: &lookup).description.contains("local lab"))
  }

  @Test func aCycleAndAGapEndTheWalk() throws {
    var upper = report(.distributedScan, at: .enterprise, "acme", raised: 9)
    var lower = report(.distributedScan, at: .domain, "hq", raised: 8, from: [upper])
    let gone = report(.portScan, .detection, at: .local, "dmz", raised: 1)
    lower.derivedFrom.append(gone.id)
    upper.derivedFrom = [lower.id, upper.id]
    var lookup = ReportLookup(try scratch.result([upper, lower]))
    let derivation = try Derivation(of: upper.id.description, in: &lookup)
    #expect(
      derivation.derivedFrom.map(\.state) == [.told, .seen])
    #expect(derivation.derivedFrom.first?.derivedFrom.map(\.state) == [.seen, .missing])
    #expect(derivation.description.contains("not in these archives"))
  }

  @Test func aLongChainIsCut() throws {
    var reports = [report(.distributedScan, at: .domain, "hq", raised: 1)]
    for number in 2...40 {
      reports.append(
        report(
          .distributedScan, at: .domain, "hq", raised: Double(number), from: [reports[number - 2]]))
    }
    var lookup = ReportLookup(try scratch.result(reports))
    let text = try Derivation(of: reports[39].id.description, in: &lookup).description
    #expect(text.split(separator: "\n").count == Derivation.depthLimit + 1)
    #expect(text.hasSuffix("(not followed further)"))
  }

  @Test func anIdMayBeItsUniqueStart() throws {
    let result = try scratch.result(tree.all)
    var lookup = ReportLookup(result)
    #expect(try lookup.resolve(short(tree.scan).uppercased()) == tree.scan.id.description)
    #expect(throws: LookupFault.malformed("abc")) { try lookup.resolve("abc") }
    #expect(throws: LookupFault.malformed("../../x")) { try lookup.resolve("../../x") }
    let wrong = String(tree.scan.id.description.prefix(12)) + "ffff"
    let unknown = #expect(throws: LookupFault.self) { try lookup.resolve(wrong) }
    #expect(
      unknown
        == .unknown(wrong, nearest: ["\(tree.scan.id)  recon.port-scan at local dmz"]))
    var twin = tree.scan
    twin.id.low += 1
    lookup = ReportLookup(try scratch.result(tree.all + [twin]))
    guard
      case .ambiguous(_, let candidates) = #expect(
        throws: LookupFault.self, performing: { try lookup.resolve(short(twin)) })
    else {
      Issue.record("not refused as ambiguous")
      return
    }
    #expect(candidates.count == 2)
  }

  @Test func aDirectoryWithoutArchivesIsRefused() {
    #expect(throws: LookupFault.noArchives(scratch.path)) {
      try ReportLookup(paths: [scratch.path])
    }
  }
}
