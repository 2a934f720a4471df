import Monitoring
import Reports
import Terms
import Testing

@testable import Tiers

/// Ten minutes in which the DMZ's monitor lives, but promises what `promise` says of each second.
private func story(
  seconds: Int = 600, _ promise: (Int) -> Double
) throws -> (parent: Parent, firstTold: UInt64?) {
  var parent = try Parent()
  var firstTold: UInt64?
  for second in 0..<seconds {
    parent.clock = UInt64(second) * 1000 + 2
    parent.send(
      "office", [scan("office", at: Double(second), number: second)], through: .of(Double(second)))
    parent.promise("servers", .of(Double(second)))
    parent.promise("dmz", .of(promise(second)))
    parent.tick()
    if firstTold == nil, parent.produced.contains(where: { $0.last > .of(40) }) {
      firstTold = parent.clock
    }
  }
  return (parent, firstTold)
}

@Suite struct StallTests {
  @Test func aChildThatLivesButStandsStillIsNotWaitedForForEver() throws {
    var (parent, firstTold) = try story { min($0, 10).double }
    let told = try #require(firstTold)
    #expect(told < 10_000 + 2 * NodeConfiguration.standardStall)
    let silence = try #require(parent.health(.monitorSilent).first)
    #expect(silence.attributes["monitor"] == .text("dmz"))
    #expect(silence.attributes["reason"] == .text(Silence.stalled.rawValue))
    #expect(parent.node.status.children.map(\.isAlive) == [false, true, true])
    // What it says now is late, and taken all the same.
    parent.send("dmz", [scan("dmz", at: 11, number: 9999)], through: .of(11))
    #expect(parent.stored["dmz"] == 1)
    #expect(parent.node.losses["reports.late"] == 1)
    // It has caught up: time waits for it again.
    parent.promise("dmz", .of(700))
    #expect(parent.node.status.children.map(\.isAlive) == [true, true, true])
    let before = parent.produced.count
    for child in ["office", "servers"] { parent.promise(child, .of(900)) }
    #expect(parent.node.status.lanes.first?.watermark == .of(700))
    parent.promise("dmz", .of(900))
    #expect(parent.node.status.lanes.first?.watermark == .of(900))
    #expect(parent.produced.count >= before)
  }

  @Test func aChildThatCreepsHasStalledToo() throws {
    let (parent, _) = try story { $0.double / 100 }
    #expect(!parent.health(.monitorSilent).isEmpty)
  }

  /// It reads up on what it missed, at a fifth of the pace at which it happened.
  @Test func aSlowChildIsWaitedFor() throws {
    let (parent, _) = try story { $0.double / 5 }
    #expect(parent.health(.monitorSilent).isEmpty)
    #expect(parent.node.status.children.map(\.isAlive) == [true, true, true])
  }

  @Test func nobodyHasStalledWhereAllStand() throws {
    var parent = try Parent()
    for second in 0..<600 {
      parent.clock = UInt64(second) * 1000 + 2
      for child in ["dmz", "office", "servers"] { parent.promise(child, .of(5)) }
      parent.tick()
    }
    #expect(parent.health(.monitorSilent).isEmpty)
  }
}

extension Int {
  fileprivate var double: Double { Double(self) }
}
