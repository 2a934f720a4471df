import Hierarchy
import Reports
import Testing

@Suite struct DirectiveParserTests {
  private static let schema =
    (try? Schema.load(path: Files.folder + "schema.yaml"))
    ?? Schema(attackVersion: "", kinds: [:])

  private func parse(_ text: String) -> [String] {
    do {
      _ = try Directive.parse(Array(text.utf8), path: "d.yaml", schema: Self.schema)
      return []
    } catch {
      return error.faults.map(\.description)
    }
  }

  @Test func allFaultsAreFoundInOnePassWithTheNearestName() {
    let found = parse(
      """
      directives:
        one:
          title: a
          kind: recon.port-scan
          priorty: 3
          techniques: [T15]
          stages:
            - { name: scan, kinds: [recon.prt-scan], where: { from: outsid, severity: high } }
            - { name: guess, kinds: [access.brute-force], join: { source: scn.source, user: scan.source }, within: 5 }
            - { kinds: [dos.*], ask: { service: up, of: scan.target } }
            - { name: check, ask: { service: upp, of: scan.target } }
            - { kinds: [access.web-attack], where: { attributes: { tecnique: sqli } }, reliability: ten, count: 0 }
      """)
    let text = found.joined(separator: "\n")
    for expected in [
      "d.yaml:4:11", "[unknown-kind]", "d.yaml:5:5", "did you mean 'priority'?", "d.yaml:6:18",
      "did you mean 'recon.port-scan'?", "did you mean 'outside'?", "'high' is not a number",
      "unknown stage 'scn'", "did you mean 'scan'?", "unknown field 'user'", "[wrong-unit]",
      "exactly one of 'kinds', 'ask', 'any' and 'all'", "did you mean 'up'?",
      "did you mean 'technique'?", "[out-of-range]", "'ten' is not a whole number",
    ] {
      #expect(text.contains(expected), "\(expected) not in\n\(text)")
    }
  }

  @Test func aDirectiveOpensWithAReport() {
    #expect(
      parse(
        """
        directives:
          one:
            title: a
            stages: [ { kinds: [dos.*], absent: true }, { kinds: [dos.*] } ]
        """
      ).contains { $0.contains("an absence cannot open a directive") })
  }

  @Test func aReferenceToALaterStageIsAFault() {
    #expect(
      parse(
        """
        directives:
          one:
            title: a
            stages:
              - { name: a, kinds: [recon.*], join: { source: b.source } }
              - { name: b, kinds: [recon.*] }
        """
      ).contains { $0.contains("unknown stage 'b'") })
  }

  @Test func aDirectiveConcludesOnlyKindsThatNameDirectives() {
    #expect(
      parse("directives: { x: { title: a, kind: dos.land, stages: [ { kinds: [dos.*] } ] } }")
        .contains {
          $0.contains("kind 'dos.land' of a conclusion lacks 'fields: { directive: text }'")
        })
  }

  @Test func theTopologyLoadsTheLibraryBesideItsSchema() throws {
    #expect(try Files.load("acme.yaml").directives.count >= 25)
  }

  @Test func aTopologyCanNameItsOwnOrNone() throws {
    let schema = Files.folder + "schema.yaml"
    func load(_ line: String) throws -> Int {
      let text = """
        beryl: 1
        enterprise: x
        schema: \(schema)
        \(line)
        network: { a: { prefixes: [10.0.0.0/24] } }
        monitors:
          x: { tier: enterprise, listen: "127.0.0.1:7400" }
          a: { tier: local, segment: a, parents: [x] }
        """
      return try Topology.parse(Array(text.utf8), path: "/tmp/x.yaml", knownLimits: [])
        .directives.count
    }
    #expect(try load("directives: none") == 0)
    #expect(try load("directives: \(Files.folder)directives/lateral.yaml") == 7)
    #expect(try load("") >= 25)
    let error = #expect(throws: TopologyFaults.self) { try load("directives: nowhere.yaml") }
    #expect(error?.faults.map(\.kind.rule) == ["unreadable"])
    #expect(error?.faults.first?.line == 4)
  }

  /// Bytes flipped, cut out, doubled and moved: faults or directives, never a trap.
  @Test(.timeLimit(.minutes(5)), arguments: 0..<4 as Range<UInt64>)
  func mutatedDirectivesLoadOrAreFaulty(seed: UInt64) throws {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % max(bound, 1)
    }
    let original = try Files.bytes("directives/theft.yaml")
    for _ in 0..<60 {
      var bytes = original
      for _ in 0...random(4) {
        let place = random(bytes.count)
        switch random(4) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: random(256))
        case 1: bytes.removeSubrange(place..<min(bytes.count, place + random(40)))
        case 2: bytes.insert(contentsOf: original.prefix(random(200)), at: place)
        default: bytes.swapAt(place, random(bytes.count))
        }
      }
      do {
        _ = try Directive.parse(bytes, path: "m.yaml", schema: Self.schema)
      } catch {
        #expect(!error.faults.isEmpty)
      }
    }
  }
}
