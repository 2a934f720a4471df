import Foundation
import Hierarchy
import Reports
import Terms
import Testing

@testable import Tiers

/// `beryl-local --read FILE` without a topology.
@Suite struct OneSegmentTests {
  private let folder = FileManager.default.temporaryDirectory.appending(
    path: "beryl-segment-\(UUID().uuidString)")
  private static let tests = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent()

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private func path(_ name: String) -> String { folder.appending(path: name).path }

  private func segment(json: String) -> OneSegment {
    OneSegment(
      path: Self.tests.appending(path: "Captures/ssh-guessing.pcap.zst").path, json: path(json))
  }

  private func rows(_ name: String) throws -> [[String: Any]] {
    let text = try String(contentsOfFile: path(name), encoding: .utf8)
    return try text.split(separator: "\n").map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
  }

  @Test func aFileThatHoldsNoProfilesIsLeftAlone() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let theirs = "my dear notes\n"
    try theirs.write(toFile: path("notes.txt"), atomically: true, encoding: .utf8)
    var segment = segment(json: "a.json")
    segment.profiles = ProfileFile(path: path("notes.txt"))
    #expect(throws: StartRefusal.self) { try segment.run() }
    #expect(try String(contentsOfFile: path("notes.txt"), encoding: .utf8) == theirs)
    // One that is not there yet is written.
    segment.profiles = ProfileFile(path: path("new.profiles"))
    try segment.run()
    #expect(FileManager.default.fileExists(atPath: path("new.profiles")))
  }

  @Test func aRefusedFileOfAMonitorIsSetAside() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    try "damaged".write(toFile: path("dmz.profiles"), atomically: true, encoding: .utf8)
    let file = ProfileFile(path: path("dmz.profiles"))
    #expect(file.setAside() == path("dmz.profiles.refused"))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["dmz.profiles.refused"])
    #expect(file.setAside() == nil)
  }

  @Test func theOffsetIsAddedToEveryTime() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    try segment(json: "plain.json").run()
    var later = segment(json: "later.json")
    later.pace = Pace(offset: .seconds(86_400))
    try later.run()
    let first = try rows("plain.json").compactMap { $0["first"] as? Double }
    #expect(!first.isEmpty)
    #expect(
      try rows("later.json").compactMap { $0["first"] as? Double } == first.map { $0 + 86_400 })
  }

  @Test func rowsNameTheTechniquesOfTheirKind() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    try segment(json: "rows.json").run()
    let techniques = try rows("rows.json").map { $0["techniques"] as? [String] }
    #expect(techniques.first == ["T1110.001"])
  }

  @Test func theShippedKindsAreTheSchemas() throws {
    let schema = try Schema.load(
      path: Self.tests.deletingLastPathComponent().appending(path: "topology/schema.yaml").path)
    let declared = schema.kinds.map { ($0.key.text, $0.value.techniques) }
    #expect(ShippedKinds.all == Dictionary(uniqueKeysWithValues: declared))
  }

  @Test func aPatternThatFitsNothingIsRefusedWithTheNearest() {
    #expect(ShippedKinds.refusal(of: "recon.*") == nil)
    #expect(ShippedKinds.refusal(of: "*") == nil)
    #expect(ShippedKinds.refusal(of: "spoof.dns") == nil)
    #expect(
      ShippedKinds.refusal(of: "recno.*") == "no report kind fits; did you mean 'recon.*'?")
    #expect(
      ShippedKinds.refusal(of: "recon.port-scn")
        == "no report kind fits; did you mean 'recon.port-scan'?")
    #expect(ShippedKinds.refusal(of: "nonsense.whatever") == "no report kind fits")
    #expect(ShippedKinds.refusal(of: "port-scan") != nil)
  }
}
