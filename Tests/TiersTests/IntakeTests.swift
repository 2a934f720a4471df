import Foundation
import Hierarchy
import Links
import Monitoring
import Reports
import Terms
import Testing

@testable import Tiers

private func time(_ seconds: Double) -> CaptureTime { .of(seconds) }

@Suite struct IntakeTests {
  /// One child sends 40,000 reports of one second, its siblings one report each a second.
  @Test func aFloodOfOneChildIsReportedAndCostsTheOthersNothing() throws {
    var parent = try Parent()
    var number = 0
    for second in 0..<60 {
      let now = Double(second)
      for _ in 0..<(second == 20 ? 160 : 0) {
        parent.send(
          "dmz",
          (0..<250).map { _ in
            number += 1
            return scan("dmz", at: 20, number: number)
          }, through: time(19.9))
      }
      for child in ["office", "servers"] {
        number += 1
        let before = parent.sent(child)
        parent.send(child, [scan(child, at: now, number: number)], through: time(now))
        // Theirs is stored and acknowledged at once, flood or not.
        #expect(parent.acknowledged[child] == before + 1)
      }
      parent.promise("dmz", time(now))
    }
    for child in ["dmz", "office", "servers"] { parent.promise(child, .distantFuture) }
    let budget = Int(10 * IntakeBudget.burstSeconds)
    #expect(parent.stored["dmz"].map { $0 <= budget } == true)
    #expect(parent.stored["office"] == 60)
    #expect(parent.stored["servers"] == 60)
    // All of it is acknowledged, so that the child does not send it for ever.
    #expect(parent.acknowledged["dmz"] == parent.sent("dmz"))
    #expect(parent.node.losses["intake.shed"] == UInt64(40_000 - budget))
    let floods = parent.health(.overload)
    #expect(floods.map { $0.attributes["monitor"] } == [.text("dmz")])
    #expect(floods.first?.attributes["dropped"] == .count(UInt64(40_000 - budget)))
    #expect(floods.first?.reportClass == .incident)
    // The others' attacks are told, and say what was lost meanwhile.
    let attacks = parent.produced.filter { $0.reportClass == .incident && $0.kind == .portScan }
    let ofOthers = attacks.filter { $0.coverage.segments.contains("servers") }
    #expect(Set(ofOthers.map(\.id)).count == 60)
    #expect(ofOthers.contains { $0.coverage.loss > 0.5 && $0.confidence < 0.6 })
  }

  /// The same attack at a child that keeps its budget: as much as that lets through is taken.
  @Test func aBusyChildUnderARealAttackIsNoFloodingChild() throws {
    var parent = try Parent()
    var output = LaneOutput(budget: 10, wants: { _ in true })
    for second in 0..<60 {
      let now = Double(second)
      let reports = (0..<250).map { scan("dmz", at: now, number: second * 250 + $0) }
      let sent = output.accept(reports, laneEnded: false).filter { $0.sequence != nil }
      for start in stride(from: 0, to: sent.count, by: 256) {
        let batch = sent[start..<min(sent.count, start + 256)].map(\.report)
        parent.send("dmz", batch, through: time(now - 0.1))
      }
      for child in ["dmz", "office", "servers"] { parent.promise(child, time(now)) }
    }
    for child in ["dmz", "office", "servers"] { parent.promise(child, .distantFuture) }
    #expect(output.shed > 0)
    #expect(parent.stored["dmz"].map { UInt64($0) } == parent.sent("dmz"))
    #expect(parent.node.losses["intake.shed"] == nil)
    #expect(parent.health(.overload).isEmpty)
  }

  @Test func aChildAheadOfTheOthersWaitsAndLosesNothing() throws {
    var limits = IntakeLimits()
    limits.waitingReports = 100
    var parent = try Parent(limits: limits)
    for batch in 0..<8 {
      parent.send(
        "dmz", (0..<50).map { scan("dmz", at: Double(batch), number: batch * 50 + $0) },
        through: time(Double(batch)))
    }
    #expect(parent.acknowledged["dmz"] == 100)
    #expect(parent.stored["dmz"] == 100)
    // What a heartbeat promises goes for what waits too, not before it.
    parent.promise("dmz", time(60))
    for child in ["office", "servers"] { parent.promise(child, time(30)) }
    parent.promise("dmz", time(60))
    #expect(parent.acknowledged["dmz"] == 400)
    #expect(parent.stored["dmz"] == 400)
    #expect(parent.node.losses["reports.late"] == nil)
    #expect(parent.refusals.isEmpty)
  }

  /// A child that ignores the window while it waits is cut off.
  @Test func whatWaitsIsBoundedByTheWindow() throws {
    var limits = IntakeLimits()
    limits.waitingReports = 10
    var parent = try Parent(limits: limits)
    for batch in 0..<20 {
      parent.send(
        "dmz",
        [scan("dmz", at: Double(batch), number: batch)]
          + (0..<20).map {
            scan("dmz", at: Double(batch), number: 1000 + batch * 20 + $0)
          }, through: time(Double(batch)))
    }
    #expect(parent.refusals.count == 1)
    #expect(parent.stored["dmz"] == 21)
  }

  /// Its promise never grows, so that everybody waits for it, and its reports lie in the future.
  @Test func aChildThatHoldsTimeBackCannotFillTheMemory() throws {
    var limits = IntakeLimits()
    limits.waitingReports = 100
    var parent = try Parent(limits: limits)
    parent.promise("dmz", time(-1))
    for child in ["office", "servers"] { parent.promise(child, time(50)) }
    for batch in 0..<40 {
      parent.send(
        "dmz", (0..<50).map { scan("dmz", at: Double(1000 * batch), number: batch * 50 + $0) },
        through: time(-1))
    }
    #expect(parent.stored["dmz"].map { $0 <= 100 * limits.excess } == true)
    #expect(parent.acknowledged["dmz"] == 2000)
    for child in ["dmz", "office", "servers"] { parent.promise(child, .distantFuture) }
    #expect(parent.health(.overload).count == 1)
  }

  @Test func reportsUnderAnotherNameAreReported() throws {
    var parent = try Parent()
    for number in 0..<5 {
      parent.send("dmz", [scan("office", at: Double(number), number: number)], through: time(1))
    }
    for child in ["dmz", "office", "servers"] { parent.promise(child, .distantFuture) }
    #expect(parent.stored["dmz"] == 0)
    let forged = parent.health(.forgedReports)
    #expect(forged.map { $0.attributes["monitor"] } == [.text("dmz")])
    #expect(forged.first?.attributes["reason"] == .text("another monitor's name"))
  }

  @Test func reportsBehindTheirOwnPromiseAreReported() throws {
    var parent = try Parent()
    parent.promise("dmz", time(100))
    for number in 0..<5 {
      parent.send("dmz", [scan("dmz", at: Double(number), number: number)], through: time(100))
    }
    for child in ["dmz", "office", "servers"] { parent.promise(child, .distantFuture) }
    #expect(parent.health(.clockSkew).map { $0.attributes["monitor"] } == [.text("dmz")])
  }
}
