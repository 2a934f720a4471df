import Testing

@testable import Reports

@Suite struct ReportKindTests {
  @Test func aNameIsOneKindHoweverOftenItIsMade() {
    let name = ["recon", "port-scan"].joined(separator: ".")
    #expect(
      ReportKind(name) == .portScan && ReportKind(name).hashValue == ReportKind.portScan.hashValue)
    #expect(ReportKind("recon.port-scans") != .portScan)
    #expect(ReportKind(name).text == name && ReportKind(name).family == "recon")
    #expect([ReportKind("b.x"), ReportKind("a.y")].sorted().map(\.text) == ["a.y", "b.x"])
    #expect(ReportKind("alone").family == "alone" && ReportKind("").family.isEmpty)
  }

  @Test func aPatternIsAKindAFamilyOrAll() {
    for text in ["*", "recon.*", "recon.port-scan", "of-a-site.x9"] {
      #expect(ReportKind.isPattern(text), "\(text)")
    }
    for text in ["", "recon", "recon.", ".port-scan", "recon.port*", "Recon.*", "a.b.c", "a.*.*"] {
      #expect(!ReportKind.isPattern(text), "\(text)")
    }
  }

  @Test func familiesAreASet() {
    #expect(ReportKind.portScan.families == .recon && ReportKind.multiStage.families == .campaign)
    #expect(FamilySet(list: "recon,access,recon") == [.recon, .access])
    #expect(FamilySet(list: "") == [] && FamilySet(list: "recon,of-a-site").count == 2)
    #expect(ReportKind("of-a-site.kind").families == FamilySet(list: "of-a-site"))
    #expect(FamilySet(list: "of-a-site").isDisjoint(with: [.recon, .access, .dos, .worm]))
  }
}
