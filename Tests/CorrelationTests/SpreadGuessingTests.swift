import Reports
import Terms
import Testing

@testable import Correlation

@Suite struct SpreadGuessingTests {
  private static let servers = [
    ("hq-dmz", "10.10.1.30"), ("hq-dmz", "10.10.1.31"), ("hq-servers", "10.10.3.20"),
    ("hq-servers", "10.10.3.21"), ("br-servers", "10.20.2.20"), ("br-servers", "10.20.2.21"),
  ]

  private func tree(_ text: String) throws -> TestTree {
    try TestTree(ActorText(text, schema: TestSchema.schema).reports)
  }

  private static func line(_ second: Int, _ server: Int, _ what: String, by client: String)
    -> String
  {
    let (tap, address) = servers[server % servers.count]
    return "\(second / 60):\(second % 60) \(tap) \(what) ssh \(client) > \(address)"
  }

  @Test func oneSourceRefusedHereAndThereGuesses() throws {
    let lines = (0..<6).map { Self.line($0 * 400, $0, "refused", by: "198.51.100.9") }
    let found = try tree(lines.joined(separator: "\n")).enterpriseIncidents
    let incident = try #require(found.first)
    #expect(found.map(\.kind) == [.passwordSpray])
    #expect(incident.sources.listed.map(\.description) == ["198.51.100.9"])
    #expect(incident.targets.count == 6)
    #expect(incident.attributes["attempts"] == .count(6))
    #expect(Set(incident.coverage.segments) == ["hq-dmz", "hq-servers", "br-servers"])
    #expect(incident.derivedFrom.count == 6, "the evidence of each refusal")
  }

  @Test func manySourcesRefusedOnceEachGuessTogether() throws {
    let lines = (0..<12).map {
      Self.line($0 * 60, $0, "refused", by: "198.51.100.\(20 + $0)")
    }
    let found = try tree(lines.joined(separator: "\n")).enterpriseIncidents
    #expect(found.map(\.kind) == [.passwordSpray])
    #expect(found.first?.sources.count == 12)
    #expect(found.first?.targets.count == 6)
    #expect(found.first.map { $0.revision > 0 } == true, "told early, and revised")
  }

  /// People who err and come in.
  private static let forgetful: [String] = (0..<14).flatMap { person -> [String] in
    let client = "198.51.100.\(20 + person)"
    return [
      line(person * 60, person, "refused", by: client),
      line(person * 60 + 20, person, "login", by: client),
    ]
  }

  /// A job inside whose password has run out, where it was let in before.
  private static let stale: [String] = (0..<12).map { step -> String in
    step < 6
      ? line(step * 5, step, "login", by: "10.10.2.9")
      : line(600 + step * 5, step, "refused", by: "10.10.2.9")
  }

  /// An administrator inside who has not got the key everywhere.
  private static let keyless: [String] = (0..<6).map {
    line($0 * 5, $0, "refused", by: "10.10.2.9")
  }

  /// All at one tap, which judges it by itself.
  private static let near: [String] = (0..<9).map { step -> String in
    "00:\(10 + step) hq-dmz refused ssh 198.51.100.9 > 10.10.1.\(30 + step)"
  }

  /// Each so long after the other that chance explains it.
  private static let rare: [String] = (0..<6).map {
    line($0 * 3000, $0, "refused", by: "198.51.100.9")
  }

  @Test(arguments: [forgetful, stale, keyless, near, rare])
  func whoErrsIsNoGuesser(lines: [String]) throws {
    #expect(try tree(lines.joined(separator: "\n")).enterpriseIncidents.isEmpty)
  }

  @Test func whatATapHasReportedIsNotToldAgain() throws {
    let lines =
      ["00:01 hq-dmz access.brute-force from 198.51.100.9 to 10.10.1.30 ports 22"]
      + (0..<6).map { Self.line(10 + $0 * 40, $0, "refused", by: "198.51.100.9") }
    let found = try tree(lines.joined(separator: "\n")).enterpriseIncidents
    #expect(found.map(\.kind) == [.bruteForce])
  }

  /// A server that the Internet guesses at all day long, and then three times as much.
  @Test func aCrowdIsHeldAgainstWhatIsUsual() throws {
    let usual: [String] = (0..<24).map { step -> String in
      let (hour, server) = (step / 6, step % 6)
      let client = "198.51.\(100 + hour).\(20 + server)"
      return Self.line(hour * 7300 + server * 1200, server, "refused", by: client)
    }
    #expect(try tree(usual.joined(separator: "\n")).enterpriseIncidents.isEmpty)
    let crowd: [String] = (0..<40).map { step -> String in
      Self.line(4 * 7300 + step * 10, step, "refused", by: "198.51.120.\(20 + step)")
    }
    let more = (usual + crowd.prefix(14)).joined(separator: "\n")
    #expect(try tree(more).enterpriseIncidents.isEmpty)
    let many = (usual + crowd).joined(separator: "\n")
    #expect(try tree(many).enterpriseIncidents.map(\.kind) == [.passwordSpray])
  }
}
