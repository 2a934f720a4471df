import Foundation
import Reports
import Scenarios
import Terms
import Testing

@Suite struct ReplayResultTests {
  let scratch: Scratch
  let tree = Tree()

  init() throws { scratch = try Scratch() }

  @Test func aResultReadsBackAsItWas() throws {
    let result = try scratch.result(tree.all, [Expectation(.expect, kind: "recon.*")])
    let data = try ResultCoding.encode(result)
    #expect(try ResultCoding.decode(data, path: "out.json") == result)
  }

  @Test func theContractsKeysAreThere() throws {
    let data = try ResultCoding.encode(try scratch.result(tree.all))
    let top = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    for key in [
      "scenario", "passed", "expectations", "incidents", "detections", "links", "losses", "timing",
    ] {
      #expect(top[key] != nil, "\(key)")
    }
    let incident = try #require((top["incidents"] as? [[String: Any]])?.first)
    for key in [
      "id", "kind", "tier", "monitor", "first", "last", "sources", "targets", "ports", "count",
      "severity", "confidence", "risk", "techniques", "attributes", "derivedFrom", "raised",
    ] {
      #expect(incident[key] != nil, "\(key)")
    }
    #expect(incident["tier"] as? String == "enterprise")
    #expect(incident["raised"] as? Double == 1_700_000_033)
    #expect((incident["count"] as? [String: Int]) == ["sources": 12, "targets": 1])
    #expect(incident["techniques"] as? [String] == ["T1595.001"])
    // ⌊5 · 3.5 · 8 / 25⌋: web1 is worth 5.
    #expect(incident["risk"] as? Double == 5)
  }

  @Test func orderAndRevisionsOfArrivalDoNotMatter() throws {
    var revised = tree.enterprise
    revised.revision = 1
    revised.severity = 8
    revised.emitted = at(50)
    let forward = try scratch.result(tree.all + [revised])
    let backward = try scratch.result(([tree.enterprise, revised] + tree.all).reversed())
    #expect(forward == backward)
    #expect(forward.incidents.map(\.tier) == ["enterprise", "domain"])
    #expect(forward.incidents.first?.severity == 8)
    #expect(forward.incidents.first?.revision == 1)
  }

  @Test func onlyEvidenceBehindVerdictsIsKeptWithTheRowsThatMatter() throws {
    var stray = report(.firstContacts, .evidence, at: .local, "dmz", raised: 50)
    stray.summary = .contacts([])
    let result = try scratch.result(tree.all + [stray])
    #expect(
      Set(result.evidenceReports.map(\.id)) == [
        tree.dmz.id.description, tree.office.id.description,
      ])
    for row in result.evidenceReports {
      #expect(row.summary?.map(\.source) == ["203.0.113.1"])
    }
    #expect(result.evidenceOmitted == 0)
  }

  @Test func aForeignFileIsRefusedWithItsFault() throws {
    for (text, words) in [
      ("", "not JSON"), ("{\"scenario\": 1}", "no replay result: scenario"),
      ("{}", "no replay result: top level has no 'scenario'"), ("[1, 2", "not JSON"),
    ] {
      let path = try scratch.write("out.json", text)
      let fault = #expect(throws: ResultCoding.Fault.self) { try ResultCoding.load(path) }
      #expect(fault?.description.hasPrefix(path + ": " + words) == true, "\(fault as Any)")
    }
    #expect(throws: ResultCoding.Fault.self) { try ResultCoding.load(scratch.path) }
  }

  @Test(arguments: [
    ("{\n\"scenario\": \"x\",\n\"passed\": tr", "it ends early, line 3, column 13"),
    ("{\n\n\"scenario\" \"x\"}", "invalid value, line 3, column 12"),
  ])
  func whatIsNoJSONIsToldWhere(text: String, words: String) throws {
    let path = try scratch.write("cut.json", text)
    let fault = #expect(throws: ResultCoding.Fault.self) { try ResultCoding.load(path) }
    #expect(fault?.description.hasPrefix("\(path): not JSON: \(words)") == true, "\(fault as Any)")
  }

  @Test func theSummaryShowsIncidentsThenExpectations() throws {
    var distant = Expectation(.expect, kind: "recon.distributed-scan")
    distant.sources.atLeast = 15
    let result = try scratch.result(tree.all, [distant, Expectation(.forbid, kind: "dos.*")])
    #expect(!result.passed)
    let text = ResultSummary(result).description
    let incident = result.incidents.map { String($0.id.prefix(8)) }
    #expect(
      text == """
        a scan in pieces: 2 incidents, 1 detection

        rank  tier        monitor  kind                    sources                      \
        targets     ports  severity  outcome  raised  id
        -     enterprise  acme     recon.distributed-scan  203.0.113.1 203.0.113.2 +10  \
        10.10.1.10  -             7  -          +33s  \(incident[0])
        -     domain      hq       recon.distributed-scan  203.0.113.1 203.0.113.2 +10  \
        10.10.1.10  -             6  -          +31s  \(incident[1])

        ✗ expect recon.distributed-scan, sources ≥ 15
            best candidate: recon.distributed-scan at enterprise acme with 12 sources, 1 target, \
        severity 7, raised +33s: 12 sources, needs 15
        ✓ forbid dos.*

        link       reports  bytes
        hq → acme        3  1,200

        lost at dmz: capture.kernel-dropped 7

        12,345 packets, 60 s of event time in 0.5 s (0.25 s of processor time), in-process

        """)
    #expect(!text.contains("\u{1b}"))
    #expect(ResultSummary(result, isColoured: true).description.contains("\u{1b}[31m✗\u{1b}[0m"))
  }
}
