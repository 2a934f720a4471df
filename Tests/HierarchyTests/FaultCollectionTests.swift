import Hierarchy
import Testing

@Suite struct FaultCollectionTests {
  @Test func allFaultsAreFoundInOnePassSortedByPlace() {
    let found = faults(
      """
      beryl: 1
      enterprise: acme
      enterprise: again
      schema: schema.yaml
      network:
        a: { prefixes: [10.0.1.0/24], prefixes: [10.0.9.0/24] }
        a: { prefixes: [10.0.2.0/24], gatway: 10.0.2.1 }
      monitors:
        acme: { tier: enterprise, listen: "h:1" }
        a: { tier: local, segment: x, parents: [acme], parents: [acmé] }
        b: { tier: locl, segment: a, parents: [acmee] }
      defaults: { port-scan.window: 90 }
      """)
    #expect(
      found.map { "\($0.line):\($0.column) \($0.kind.rule)" } == [
        "3:1 duplicate-key", "6:33 duplicate-key", "7:3 duplicate-key", "10:30 unknown-segment",
        "10:50 duplicate-key", "11:14 unknown-tier", "11:42 unknown-parent", "12:31 wrong-unit",
      ])
  }

  @Test func aFaultIsWordedInOneLine() throws {
    let fault = try #require(
      faults(
        "beryl: 1\nenterprise: acme\nschema: {attack: \"17\", kinds: {a.b: "
          + "{class: detection, severity: 1, fields: {x: adress}}}}\nmonitors: {m: {tier: local}}\n"
      ).first)
    #expect(
      "\(fault)".hasSuffix(
        "t.yaml:3:81: unknown type 'adress' [unknown-type]; did you mean 'address'?"))
  }

  @Test func schemaFaultsAreLocatedToo() {
    let found = faults(
      """
      beryl: 1
      enterprise: acme
      monitors: {e: {tier: enterprise, listen: "h:1"}, a: {tier: local, segment: a, parents: [e]}}
      network: { a: { perimeter: true } }
      schema:
        attack: "17.1"
        kinds:
          portscan: {}
          recon.port-scan:
            class: verdict
            techniques: [T1046, X1]
            severity: 12
            fields: { ports: cnt }
            correlate:
              source: { measure: overlap, expected: 1, least: 0 }
              time: { measure: time, expected: 1 }
              ports: { measure: overlp, expected: 2, within: 5m }
      """)
    #expect(
      found.map { "\($0.line):\($0.column) \($0.kind.rule)" } == [
        "8:5 malformed", "10:14 unknown-class", "11:27 malformed", "12:17 out-of-range",
        "13:24 unknown-type", "15:9 unknown-feature", "16:9 missing-key",
        "17:27 unknown-measure", "17:45 out-of-range",
      ])
  }

  @Test func controlCharactersOfAFileNeverReachTheTerminal() {
    let found = faults("beryl: 1\n\"\\e[31mred\\a\": 1\n")
    #expect(found.contains { $0.kind.rule == "unknown-key" })
    #expect(found.allSatisfy { $0.description.unicodeScalars.allSatisfy { $0.value >= 32 } })
  }
}
