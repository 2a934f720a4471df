import Analysis
import Testing

@testable import Monitoring

@Suite struct CheckpointSealTests {
  private let state = Array(0...200) as [UInt8]

  @Test func whatWasSealedOpens() throws {
    #expect(try Checkpoint.open(Checkpoint.seal(state, site: 7), site: 7) == state)
    #expect(try Checkpoint.open(Checkpoint.seal([], site: 7), site: 7).isEmpty)
  }

  @Test func anotherTopologyIsRefused() {
    let sealed = Checkpoint.seal(state, site: 7)
    #expect(throws: StateFault.self) { try Checkpoint.open(sealed, site: 8) }
  }

  @Test func anyDamageIsSeen() {
    let sealed = Checkpoint.seal(state, site: 7)
    for index in sealed.indices {
      var damaged = sealed
      damaged[index] ^= 0x10
      #expect(throws: StateFault.self) { try Checkpoint.open(damaged, site: 7) }
      #expect(throws: StateFault.self) { try Checkpoint.open(Array(sealed[..<index]), site: 7) }
    }
  }
}
