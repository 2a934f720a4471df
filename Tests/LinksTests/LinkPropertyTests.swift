import Monitoring
import Reports
import Terms
import Testing

@testable import Links

@Suite struct LinkPropertyTests {
  @Test(arguments: 0..<60 as Range<UInt64>)
  func everyReportArrivesInOrderAndNoPromiseIsBroken(seed: UInt64) {
    var simulation = LinkSimulation(seed: seed)
    let drill = LinkSimulation.lanes[1]
    for round in 0..<600 {
      simulation.step()
      if round % 20 == 0 { simulation.produce(Int(seed % 7) + round / 30, lane: .live) }
      if round % 50 == 0, round < 500 { simulation.produce(8, lane: drill) }
      if round == 550 { simulation.closeLane(drill) }
    }
    simulation.heal()
    for _ in 0..<3000 where !isDone(simulation) { simulation.step() }
    #expect(simulation.faults == [])
    #expect(simulation.ended == [drill])
    #expect(simulation.child.spoolDepths == [.live: 0])
    #expect(simulation.parents.values.contains { $0.endedLanes.contains(drill) })
    for lane in LinkSimulation.lanes {
      let produced = simulation.outbox[lane, default: []].map(\.sequence)
      let stored = simulation.parents.values.map { $0.stored[lane, default: []] }
      #expect(Set(stored.joined()) == Set(produced))
      // Each parent has each report once, in order.
      for list in stored { #expect(zip(list, list.dropFirst()).allSatisfy { $0 < $1 }) }
    }
  }

  private func isDone(_ simulation: LinkSimulation) -> Bool {
    simulation.child.spoolDepths == [.live: 0]
  }
}
