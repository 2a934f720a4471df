import Hierarchy
import Reports
import Scenarios
import Terms
import Testing

@Suite struct ScenarioTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func faults(_ text: String) throws -> [String] {
    let path = try scratch.write("scenario.yaml", text)
    do {
      _ = try Scenario.load(path: path, knownLimits: [])
      return []
    } catch {
      return error.faults.map {
        $0.description.replacing(scratch.path + "/", with: "")
      }
    }
  }

  @Test func everyKeyIsRead() throws {
    let path = try scratch.write(
      "scenario.yaml",
      """
      scenario: stealthy distributed scan
      description: fifteen sources, three ports each
      topology: site.yaml
      captures: { office: office.pcap, dmz: dmz.pcap }
      offsets: { dmz: -2s, office: 250ms }
      speed: 10x
      expect:
        - kind: recon.distributed-scan
          tier: domain
          monitor: hq
          sources: { atLeast: 15, atMost: 20, includes: [203.0.113.7, 198.51.100.0/24] }
          targets: [10.10.1.10]
          severity: { atLeast: 5 }
          since: 10s
          within: 60s
          count: 1
        - { kind: recon.*, attributes: { technique: syn, decoys: 3 } }
      forbid: [{ kind: dos.*, severity: 3 }]
      """)
    let loaded = try Scenario.load(path: path, knownLimits: [])
    let scenario = loaded.scenario
    #expect(loaded.topology.enterprise == "acme")
    #expect(scenario.name == "stealthy distributed scan")
    #expect(scenario.topologyPath == scratch.path + "/site.yaml")
    #expect(scenario.speed == .times(10))
    #expect(
      scenario.captures == [
        ScenarioCapture(
          monitor: name("dmz"), path: scratch.path + "/dmz.pcap", offset: .seconds(-2)),
        ScenarioCapture(
          monitor: name("office"), path: scratch.path + "/office.pcap",
          offset: .milliseconds(250)),
      ])
    #expect(
      scenario.expectations.map(\.description) == [
        "recon.distributed-scan at domain hq, sources ≥ 15, sources ≤ 20, "
          + "sources with 203.0.113.7 198.51.100.0/24, targets with 10.10.1.10, severity ≥ 5, "
          + "since 10s, within 1m, count ≥ 1, count ≤ 1",
        "recon.*, decoys 3, technique syn", "dos.*, severity ≥ 3",
      ])
    #expect(scenario.expectations.map(\.mode) == [.expect, .expect, .forbid])
  }

  @Test func everyFaultIsFoundInOnePassAndLocated() throws {
    let found = try faults(
      """
      scenario: faulty
      topology: site.yaml
      captures:
        dzm: dmz.pcap
        hq: dmz.pcap
        office: offce.pcap
      offsets: { dmz: 2s, office: 2 }
      speed: fast
      expcet: []
      expect:
        - kind: recon.port-scna
          tier: domian
        - { kind: recon.port-scan, attributes: { techniqe: syn }, within: 60 }
        - { sources: { atLeast: 9, atMost: 3, includes: [10.0.0.1/8] } }
        - { kind: "*", severity: 11, sorces: { atLeast: 1 } }
      """)
    let wanted = [
      "4:3: unknown monitor 'dzm' [unknown-monitor]; did you mean 'dmz'?",
      "5:3: 'hq' is a domain monitor: captures are for local monitors [not-local]",
      "6:11: no file 'offce.pcap' [no-file]",
      "7:12: 'dmz' has no capture to shift [no-capture]",
      "7:29: '2' is no offset: a number with ms, s, m, h or d, such as 2s or -2s [not-offset]",
      "8:8: 'fast' is no speed: max, or a factor such as 10x [not-speed]",
      "9:1: scenario has no key 'expcet' [unknown-key]; did you mean 'expect'?",
      "11:11: no report kind fits 'recon.port-scna' [unknown-kind]; "
        + "did you mean 'recon.port-scan'?",
      "12:11: unknown tier 'domian' [unknown-tier]; did you mean 'domain'?",
      "13:44: recon.port-scan has no attribute 'techniqe' [unknown-attribute]; "
        + "did you mean 'technique'?",
      "13:69: '60' has not the unit due: a number with ms, s, m, h or d, such as 90s [wrong-unit]",
      "14:5: expectation lacks 'kind' [missing-key]",
      "14:16: at least 9 and at most 3 [contradiction]",
      "14:52: '10.0.0.1/8' is not a prefix without host bits, such as 10.10.1.0/24 [malformed]",
      "15:28: 11 is outside 0…10 [out-of-range]",
      "15:32: expectation has no key 'sorces' [unknown-key]; did you mean 'sources'?",
    ]
    #expect(found == wanted.map { "scenario.yaml:" + $0 })
  }

  @Test func aFaultyTopologyIsToldWithItsOwnPlaces() throws {
    try scratch.write(
      "site.yaml", Scratch.topology.replacing("parents: [acme]", with: "parents: [acem]"))
    let found = try faults(
      "scenario: s\ntopology: site.yaml\ncaptures: { dmz: dmz.pcap }\nspeed: 0x\n")
    #expect(found.first?.hasPrefix("scenario.yaml:4:8: '0x' is no speed") == true)
    #expect(found.dropFirst().contains { $0.hasPrefix("site.yaml:18:") && $0.contains("'acme'?") })
  }

  @Test(arguments: [
    "", "- a\n- b\n", "scenario: [\n", "\u{1}", "scenario: s\n",
    "scenario: s\ntopology: nowhere.yaml\ncaptures: {}\n",
    "scenario: s\ntopology: .\ncaptures: { dmz: . }\n",
  ]) func whatIsNoScenarioIsRefusedWithAPlace(text: String) throws {
    let found = try faults(text)
    #expect(!found.isEmpty)
    #expect(found.allSatisfy { $0.hasPrefix("scenario.yaml:") })
  }

  @Test func aMissingScenarioIsRefused() {
    #expect(throws: ScenarioFaults.self) {
      try Scenario.load(path: scratch.path + "/none.yaml", knownLimits: [])
    }
  }

  @Test(arguments: ["max", "1x", "0.5x", "10x"]) func speedsReadBack(text: String) {
    #expect(ReplaySpeed(text)?.description == text)
  }

  @Test(arguments: ["", "x", "0x", "-1x", "infx", "nanx", "1", "1 x", "fast"])
  func noSpeedsAreRefused(text: String) { #expect(ReplaySpeed(text) == nil) }
}
