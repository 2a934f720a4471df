import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct FingerprintTests {
  @Test func oddProbesOfManyKindsAreAFingerprint() throws {
    let reports = try Lab.attacks("os-fingerprint")
    #expect(
      reports.filter { $0.kind == .osFingerprint }.map(\.story)
        == ["recon.os-fingerprint 203.0.113.66 > 10.10.2.20"])
  }

  @Test func aStealthScanIsNoFingerprint() throws {
    #expect(try Lab.attacks("stealth-scans").allSatisfy { $0.kind != .osFingerprint })
  }

  @Test func queriesByICMPFingerprintToo() throws {
    var story = try Story(OSFingerprint(DetectionContext()))
    for type in [13, 15, 17] as [UInt16] {
      story.wait(0.5)
      try story.contact(
        .opened, "198.51.100.7", "10.1.1.5", type << 8, probe: .icmpOther, transport: .icmp)
    }
    try story.contact(
      .opened, "198.51.100.7", "10.1.1.5", 8 << 8 | 123, probe: .icmpEcho, transport: .icmp)
    let told = story.finish()
    #expect(told.map(\.story) == ["recon.os-fingerprint 198.51.100.7 > 10.1.1.5"])
  }

  @Test func aMonitorsPingsAndTimestampsAreNoFingerprint() throws {
    var story = try Story(OSFingerprint(DetectionContext()))
    for round in 0..<200 {
      story.wait(1)
      try story.contact(
        .opened, "10.1.1.9", "10.1.1.5", round % 2 == 0 ? 8 << 8 : 13 << 8,
        probe: round % 2 == 0 ? .icmpEcho : .icmpOther, transport: .icmp)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func probingVersionsIsReportedOnce() throws {
    let reports = try Lab.attacks("service-probe").filter { $0.kind == .serviceProbe }
    #expect(reports.map(\.story) == ["recon.service-probe 203.0.113.66 > 10.10.2.20"])
    #expect((reports.first?.revision ?? 99) <= 4)
  }

  /// A balancer asks its servers barely and a watchdog reads greetings, round after round.
  @Test func healthChecksAreNoServiceProbe() throws {
    var story = try SessionStory(ServiceProbe(DetectionContext()))
    story.client = "10.10.1.2"
    for _ in 0..<50 {
      for server in 1...12 {
        story.wait(0.2)
        story.server = "10.10.1.\(server)"
        try story.ask("GET /")
      }
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func greetingsReadAndHungUpOnAreNoProbeByThemselves() throws {
    var story = try SessionStory(ServiceProbe(DetectionContext()), port: 22)
    story.client = "10.10.1.2"
    for server in 1...30 {
      story.wait(0.2)
      story.server = "10.10.1.\(server)"
      var closing = SessionClosing()
      closing.isEstablished = true
      closing.bytesIn = 40
      try story.tell(.closed(closing))
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}
