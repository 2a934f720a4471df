import Hierarchy
import Testing

/// One faulty text and what it must be told. A `▸` in the text marks the place of the fault that
/// stands beside it.
struct FaultyText: Sendable, CustomTestStringConvertible {
  let rule: String
  let text: String
  let suggestion: String?

  init(_ rule: String, _ text: String, suggest suggestion: String? = nil) {
    self.rule = rule
    self.text = text
    self.suggestion = suggestion
  }

  var testDescription: String { rule + ": " + text.suffix(40) }

  /// The text without its mark, and where that was.
  var unmarked: (text: String, line: Int, column: Int) {
    let before = text.prefix { $0 != "▸" }
    let lines = before.split(separator: "\n", omittingEmptySubsequences: false)
    return (text.replacing("▸", with: ""), lines.count, (lines.last?.count ?? 0) + 1)
  }
}

func faults(_ text: String) -> [TopologyFault] {
  do throws(TopologyFaults) {
    _ = try Topology.parse(
      Array(text.utf8), path: Files.folder + "t.yaml", knownLimits: Files.limits)
    return []
  } catch {
    return error.faults
  }
}

private let head = "beryl: 1\nenterprise: acme\nschema: schema.yaml\n"
private let net = "network: { a: { prefixes: [10.0.1.0/24] }, b: { prefixes: [10.0.2.0/24] } }\n"
private let top = "acme: { tier: enterprise, listen: \"127.0.0.1:7400\" }"
private let tree = """
  monitors:
    \(top)
    a: { tier: local, segment: a, parents: [acme] }

  """

private func monitors(_ lines: String...) -> String {
  head + net + "monitors:\n  " + ([top] + lines).joined(separator: "\n  ") + "\n"
}

@Suite struct TopologyFaultTests {
  @Test func theStockOfTheseTestsIsSound() {
    #expect(faults(head + net + tree) == [])
  }

  @Test(arguments: form + values + network + relations + settings)
  func aFaultIsFoundWhereItIs(faulty: FaultyText) throws {
    let (text, line, column) = faulty.unmarked
    let found = faults(text)
    let fault = try #require(found.first)
    #expect(found.count == 1, "\(found)")
    #expect(fault.kind.rule == faulty.rule)
    #expect((fault.line, fault.column) == (line, column), "\(fault)")
    #expect(fault.suggestion == faulty.suggestion)
    #expect(!fault.message.isEmpty)
  }

  static let form = [
    FaultyText("empty", "▸"),
    FaultyText("empty", "▸# nothing but a comment\n"),
    FaultyText("syntax", "beryl: 1\nmonitors: [\n▸"),
    FaultyText("syntax", "beryl: 1\n▸\tx: 2\n"),
    FaultyText("syntax", "beryl: 1\nx: ▸\u{7}\n"),
    FaultyText("alias", "a: &x [1]\nb: ▸*x\n"),
    FaultyText("wrong-shape", "▸- beryl\n"),
    FaultyText("wrong-version", "beryl: ▸2\n" + head.dropFirst(9) + net + tree),
    FaultyText("missing-key", "▸enterprise: acme\nschema: schema.yaml\n" + net + tree),
    FaultyText("missing-key", "▸" + head + net),
    FaultyText("unknown-key", head + net + tree + "▸monitrs: {}\n", suggest: "monitors"),
    FaultyText("duplicate-key", head + net + tree + "▸enterprise: other\n"),
    FaultyText("unreadable", "beryl: 1\nenterprise: acme\nschema: ▸none.yaml\n" + net + tree),
  ]

  static let values = [
    FaultyText("malformed", "beryl: 1\nenterprise: ▸Acme Inc\nschema: schema.yaml\n" + net + tree),
    FaultyText("malformed", monitors("▸A: { tier: local, segment: a, parents: [acme] }") + tail),
    FaultyText(
      "malformed", monitors("a: { tier: local, segment: a, parents: [acme], listen: ▸7411 }")),
    FaultyText(
      "malformed",
      monitors("a: { tier: local, segment: a, parents: [acme], listen: ▸\"127.0.0.1:0\" }")),
    FaultyText("wrong-shape", monitors("a: { tier: ▸[local], segment: a, parents: [acme] }")),
    FaultyText(
      "wrong-shape", monitors("a: { tier: local, segment: a, parents: ▸{acme: 1} }") + tail),
    FaultyText(
      "unknown-tier", monitors("a: { tier: ▸locall, segment: a, parents: [acme] }"),
      suggest: "local"),
    FaultyText(
      "unknown-key", monitors("a: { tier: local, ▸segmnt: a, segment: a, parents: [acme] }"),
      suggest: "segment"),
    FaultyText(
      "missing-key", monitors("a: { tier: local, segment: a, parents: [acme], capture: ▸{} }")),
    FaultyText(
      "wrong-unit",
      monitors(
        "a: { tier: local, segment: a, parents: [acme], capture: { interface: e, buffer: ▸32 } }")),
    FaultyText(
      "out-of-range",
      monitors(
        "a: { tier: local, segment: a, parents: [acme], capture: { interface: e, buffer: ▸1B } }")),
  ]

  private static let tail = "  b: { tier: local, segment: b, parents: [acme] }\n"

  static let network = [
    FaultyText("malformed", head + "network: { a: { prefixes: [▸10.0.1.5/24] } }\n" + tree),
    FaultyText("malformed", head + "network: { a: { prefixes: [▸10.0.1/24] } }\n" + tree),
    FaultyText("missing-key", head + "network: { ▸a: {} }\n" + tree),
    FaultyText(
      "overlapping-prefixes",
      head + "network: { a: { prefixes: [10.0.0.0/16] }, b: { prefixes: [▸10.0.2.0/24] } }\n" + tree
    ),
    FaultyText(
      "overlapping-prefixes",
      head + "network: { a: { prefixes: [10.0.1.0/24] }, b: { prefixes: [▸10.0.0.0/8] } }\n"
        + tree),
    FaultyText(
      "outside-segment",
      head + "network: { a: { prefixes: [10.0.1.0/24], gateway: ▸10.0.2.1 } }\n" + tree),
    FaultyText(
      "outside-segment",
      head + net + tree + "assets: { x: { segment: a, addresses: [▸10.0.2.7] } }\n"),
    FaultyText(
      "duplicate-address",
      head + net + tree
        + "assets:\n  x: { segment: a, addresses: [10.0.1.7] }\n"
        + "  y: { segment: a, addresses: [▸10.0.1.7] }\n"),
    FaultyText(
      "unknown-segment",
      head + net + tree + "assets: { x: { segment: ▸aa, addresses: [10.0.1.7] } }\n", suggest: "a"),
    FaultyText(
      "unknown-segment",
      head
        + "network: { a: { prefixes: [10.0.1.0/24], reaches: [▸bb] }, b: { prefixes: [10.0.2.0/24] } }\n"
        + tree, suggest: "b"),
    FaultyText(
      "out-of-range",
      head + net + tree + "assets: { x: { segment: a, addresses: [10.0.1.7], value: ▸6 } }\n"),
    FaultyText(
      "malformed",
      head + net + tree
        + "assets: { x: { segment: a, addresses: [10.0.1.7], services: [▸80] } }\n"),
  ]

  static let relations = [
    FaultyText(
      "unknown-parent",
      monitors(
        "a: { tier: local, segment: a, parents: [▸acmee] }"),
      suggest: "acme"),
    FaultyText(
      "unknown-peer", monitors("a: { tier: local, segment: a, parents: [acme], peers: [▸bb] }")),
    FaultyText(
      "unknown-segment", monitors("a: { tier: local, segment: ▸dmz, parents: [acme] }")),
    FaultyText("no-segment", monitors("▸a: { tier: local, parents: [acme] }")),
    FaultyText(
      "no-children",
      monitors(
        "a: { tier: local, segment: a, parents: [acme] }",
        "▸d: { tier: domain, parents: [acme], listen: \"h:1\" }")),
    FaultyText(
      "no-root",
      monitors(
        "a: { tier: local, segment: a, parents: [acme] }", "▸b: { tier: local, segment: b }")),
    FaultyText(
      "cycle",
      monitors(
        "d: { tier: domain, parents: [e], listen: \"h:1\" }",
        "e: { tier: domain, parents: [▸d, acme], listen: \"h:2\" }")),
    FaultyText(
      "wrong-tier",
      monitors(
        "a: { tier: local, segment: a, parents: [acme] }",
        "b: { tier: local, segment: b, parents: [▸a] }")),
    FaultyText(
      "wrong-tier",
      monitors(
        "o: { tier: enterprise, parents: [▸acme], listen: \"h:1\" }",
        "a: { tier: local, segment: a, parents: [o] }")),
    FaultyText(
      "shared-address",
      monitors(
        "a: { tier: local, segment: a, parents: [acme], listen: ▸\"localhost:7400\" }")),
    FaultyText(
      "shared-address",
      monitors("a: { tier: local, segment: a, parents: [acme], listen: ▸\"0.0.0.0:7400\" }")),
    FaultyText(
      "missing-key",
      monitors(
        "a: { tier: local, segment: a, parents: [d] }", "▸d: { tier: domain, parents: [acme] }")),
    FaultyText(
      "repeated-name", monitors("a: { tier: local, segment: a, parents: [acme, ▸acme] }")),
    FaultyText(
      "misplaced-key",
      monitors(
        "a: { tier: local, segment: a, parents: [d] }",
        "d: { tier: domain, ▸segment: a, parents: [acme], listen: \"h:1\" }")),
  ]

  static let settings = [
    FaultyText("wrong-unit", head + net + tree + "defaults: { port-scan.window: ▸90 }\n"),
    FaultyText("wrong-unit", head + net + tree + "defaults: { port-scan.window: ▸5 apples }\n"),
    FaultyText("wrong-unit", head + net + tree + "defaults: { syn-flood.rate: ▸90s }\n"),
    FaultyText("out-of-range", head + net + tree + "interest: { recon.*: ▸2 }\n"),
    FaultyText("malformed", head + net + tree + "interest: { recon.*: ▸much }\n"),
    FaultyText(
      "unknown-kind", head + net + tree + "interest: { ▸recn.*: 1 }\n", suggest: "recon.*"),
    FaultyText("unreadable", head + net + tree + "inventory: ▸none.xml\n"),
    FaultyText("wrong-shape", head + net + tree + "inventory: ▸{ a: b }\n"),
    FaultyText("out-of-range", head + net + tree + "defaults: { slow-scan.success: ▸1.5 }\n"),
    FaultyText(
      "unknown-limit", head + net + tree + "defaults: { ▸port-scan.failure: 3 }\n",
      suggest: "port-scan.failures"),
    FaultyText("malformed", head + net + tree + "subscriptions: { acme: { budget: ▸lots } }\n"),
    FaultyText("wrong-unit", head + net + tree + "subscriptions: { acme: { budget: ▸100 } }\n"),
    FaultyText("out-of-range", head + net + tree + "subscriptions: { acme: { severity: ▸11 } }\n"),
    FaultyText(
      "unknown-kind", head + net + tree + "subscriptions: { acme: { kinds: [▸recon.portscan] } }\n",
      suggest: "recon.port-scan"),
    FaultyText(
      "unknown-kind", head + net + tree + "subscriptions: { acme: { kinds: [▸recn.*] } }\n",
      suggest: "recon.*"),
    FaultyText(
      "unknown-parent", head + net + tree + "subscriptions: { ▸acm: {} }\n", suggest: "acme"),
    FaultyText(
      "unknown-child", head + net + tree + "subscriptions: { acme: { children: { ▸c: {} } } }\n",
      suggest: "a"),
  ]
}
