import Hierarchy
import Reports
import Testing

@Suite struct SchemaTests {
  private func schema(_ kinds: String, attack: String = "17.1") throws -> Schema {
    let text = """
      beryl: 1
      enterprise: e
      schema: { attack: "\(attack)", kinds: { \(kinds) } }
      network: { s: { perimeter: true } }
      monitors:
        e: { tier: enterprise, listen: "h:1" }
        l: { tier: local, segment: s, parents: [e] }
      """
    return try Topology.parse(Array(text.utf8), path: "t.yaml", knownLimits: []).schema
  }

  @Test func theDigestHoldsUnderOrderAndChangesWithContent() throws {
    let one = "a.b: { class: detection, severity: 3, fields: { x: text, y: count } }"
    let two = "c.d: { class: evidence, severity: 0 }"
    let turned = "a.b: { fields: { y: count, x: text }, severity: 3.0, class: detection }"
    let first = try schema(one + ", " + two)
    #expect(try schema(two + ", " + turned).digest == first.digest)
    #expect(try schema(one + ", " + two, attack: "18").digest != first.digest)
    #expect(try schema(one).digest != first.digest)
    let chained = one.replacing("severity: 3", with: "severity: 3, gives: { target: host }")
    #expect(try schema(chained + ", " + two).digest != first.digest)
    let harder = one.replacing("severity: 3", with: "severity: 4")
    #expect(try schema(harder + ", " + two).digest != first.digest)
  }

  @Test func situationsAreReadAndReachTheDigest() throws {
    func kind(_ targets: String) -> String {
      "a.b: { class: detection, severity: 3, correlate: { targets: { measure: vector, "
        + "expected: 0.5\(targets) } } }"
    }
    let plain = try schema(kind(""))
    let swept = try schema(kind(", sweep: 0.1"))
    let comparison = try #require(swept.kinds[ReportKind("a.b")]?.correlation.first)
    #expect(comparison.measure == .vector && comparison.situations == [.sweep: 0.1])
    #expect(plain.digest != swept.digest)
    #expect(try schema(kind(", sweep: 0.2")).digest != swept.digest)
  }

  @Test(arguments: [
    ("targets: { measure: vector, expected: 0.5, spoofable: 0.1 }", "misplaced-key"),
    ("sources: { measure: vector, expected: 0.5, sweep: 0.1 }", "misplaced-key"),
    ("sources: { measure: vector, expected: 0.5, spoofable: 2 }", "out-of-range"),
  ])
  func aSituationConcernsItsOwnFeature(comparison: String, rule: String) {
    let fault = #expect(throws: TopologyFaults.self) {
      try schema("a.b: { class: detection, severity: 3, correlate: { \(comparison) } }")
    }
    #expect(fault?.faults.map(\.kind.rule) == [rule])
  }

  @Test func theShippedSchemaHasEveryKindOfTheVocabulary() throws {
    let schema = try Schema.load(path: Files.folder + "schema.yaml")
    let families = Dictionary(grouping: schema.kinds.keys, by: { String($0.family) })
    for (family, names) in Self.vocabulary {
      let wanted = names.split(separator: " ").map { "\(family).\($0)" }
      #expect(families[family]?.map(\.text).sorted() == wanted.sorted())
    }
    #expect(families.count == Self.vocabulary.count)
    #expect(schema.attackVersion == "17.1")
  }

  private static let vocabulary = [
    "recon": "ping-sweep port-scan slow-scan distributed-scan service-probe os-fingerprint "
      + "dns-zone-transfer smtp-enumeration web-scan",
    "spoof": "arp mac-flood mac dhcp-server dns ip",
    "dos": "syn-flood udp-flood icmp-flood smurf fraggle land teardrop ping-of-death amplification "
      + "http-flood slow-http dhcp-starvation distributed",
    "access": "brute-force password-spray web-attack overflow smtp-attack reverse-shell "
      + "login-after-guessing signature evasion",
    "worm": "propagation outbreak content-prevalence",
    "exfil": "bulk-transfer dns-tunnel icmp-tunnel",
    "c2": "beacon", "lateral": "movement", "campaign": "multi-stage",
    "exposure": "cleartext-credentials file-share weak-service", "anomaly": "profile service-down",
    "health": "monitor-silent capture-loss clock-skew overload forged-reports",
    "evidence": "first-contacts ingress-rates logins leases",
  ]
}
