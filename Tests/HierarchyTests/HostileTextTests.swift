import Hierarchy
import Testing

/// What no topology can be must still end, quickly and with a fault.
@Suite struct HostileTextTests {
  @Test(.timeLimit(.minutes(1)), arguments: ["[", "{a: ", "- ", "? "])
  func deepNestingIsRefused(opening: String) {
    for depth in [40, 900, 5000] {
      #expect(!faults("beryl: " + String(repeating: opening, count: depth)).isEmpty)
      #expect(!faults(String(repeating: opening, count: depth) + "x").isEmpty)
    }
    let closed = "x: " + String(repeating: "[", count: 990) + String(repeating: "]", count: 990)
    #expect(faults(closed).contains { $0.kind.rule == "too-deep" })
  }

  @Test(.timeLimit(.minutes(1))) func anAliasBombIsRefused() {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for level in 1...30 {
      let aliases = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
      text += "a\(level): &a\(level) [\(aliases)]\n"
    }
    text += "? *a30\n: 1\n? *a30\n: 2\n"
    #expect(faults(text).allSatisfy { ["alias", "more-faults"].contains($0.kind.rule) })
  }

  @Test(.timeLimit(.minutes(1))) func longFilesAreRefused() {
    let line = "x: 1\n"
    #expect(faults(String(repeating: line, count: 300_000)).map(\.kind.rule) == ["too-large"])
    let crowded = "monitors:\n" + (0..<20_000).map { "  m\($0): {tier: lokal}\n" }.joined()
    #expect(faults(crowded).last?.kind.rule == "more-faults")
  }

  @Test(.timeLimit(.minutes(1))) func manyDuplicateKeysEnd() {
    let text = (0..<5000).map { "{k\($0): 1, k\($0): 2}" }.joined(separator: ", ")
    #expect(!faults("x: [\(text)]\n").isEmpty)
  }

  @Test(.timeLimit(.minutes(1))) func aChainOfTenThousandParentsIsNoTrap() {
    let chain = (0..<10_000).map { "  d\($0): {tier: domain, parents: [d\($0 + 1)]}\n" }.joined()
    #expect(!faults("beryl: 1\nmonitors:\n" + chain).isEmpty)
  }

  @Test func bytesThatAreNoTextAreRefused() {
    for bytes: [UInt8] in [[0xff, 0xfe, 0x00], [0xc3], [0xed, 0xa0, 0x80]] {
      #expect(throws: TopologyFaults.self) {
        try Topology.parse(bytes, path: "t.yaml", knownLimits: [])
      }
    }
  }

  @Test func aFileThatCannotBeReadIsAFault() {
    for path in ["/nowhere/t.yaml", "/"] {
      let error = #expect(throws: TopologyFaults.self) {
        try Topology.load(path: path, knownLimits: [])
      }
      #expect(error?.faults.map(\.kind.rule) == ["unreadable"])
    }
  }

  /// Bytes flipped, cut out, doubled and moved: a fault or a topology, never a trap.
  @Test(.timeLimit(.minutes(5)), arguments: 0..<8 as Range<UInt64>)
  func aMutatedTopologyLoadsOrIsFaulty(seed: UInt64) throws {
    var random = SplitMix(state: seed)
    // A small schema inline, so that mutants reach it too and the shipped one is not read 2,000
    // times.
    let schema =
      "schema: { attack: \"17.1\", kinds: { recon.port-scan: { class: detection, "
      + "techniques: [T1046], severity: 5, fields: { shape: text }, correlate: { time: "
      + "{ measure: time, within: 5m, expected: 1 } } } } }"
    let text = String(decoding: try Files.bytes("acme.yaml"), as: UTF8.self)
    let original = Array(text.replacing("schema: schema.yaml", with: schema).utf8)
    for _ in 0..<250 {
      var mutant = original
      for _ in 0...random.below(4) { random.mutate(&mutant) }
      do throws(TopologyFaults) {
        let topology = try Topology.parse(
          mutant, path: Files.folder + "t.yaml", knownLimits: Files.limits)
        _ = TopologyDrawing(topology).text
      } catch {
        #expect(!error.faults.isEmpty)
        _ = error.description
      }
    }
  }
}

/// Steele, Lea & Flood, "Fast Splittable Pseudorandom Number Generators" (OOPSLA 2014).
struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }

  mutating func mutate(_ bytes: inout [UInt8]) {
    guard !bytes.isEmpty else { return }
    let start = below(bytes.count)
    let end = min(bytes.count, start + 1 + below(40))
    let marks = Array("[]{}:,-?&*!|>'\"%@`#\n\t ~".utf8)
    switch below(5) {
    case 0: bytes[start] = UInt8(truncatingIfNeeded: next())
    case 1: bytes[start] = marks[below(marks.count)]
    case 2: bytes.removeSubrange(start..<end)
    case 3: bytes.insert(contentsOf: bytes[start..<end], at: below(bytes.count))
    default: bytes.insert(marks[below(marks.count)], at: start)
    }
  }
}
