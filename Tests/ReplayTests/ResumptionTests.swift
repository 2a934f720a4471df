import Hierarchy
import Monitoring
import Reports
import Terms
import Testing
import Tiers

@testable import Replay

/// A monitor that starts again from what its store holds.
@Suite struct ResumptionTests {
  private let store: MemoryStore
  private let configuration: NodeConfiguration

  init() throws {
    let topology = try smallTree()
    let tree = try run(topology, .none, checkpointReports: 5)
    let monitor = try #require(tree.monitors.first { $0.key.text == "acme" })
    store = monitor.value.store
    configuration = monitor.value.configuration
  }

  private func start(_ store: MemoryStore) throws -> (MonitorNode, [NodeDirective]) {
    var node = try MonitorNode(configuration, from: store, .milliseconds(0))
    return (node, node.takeDirectives())
  }

  private func warnings(_ directives: [NodeDirective]) -> [String] {
    directives.compactMap { directive in
      guard case .log(let entry) = directive, entry.level == .warning else { return nil }
      return entry.text
    }
  }

  private func madeAgain(_ directives: [NodeDirective]) -> Int {
    directives.reduce(0) { count, directive in
      guard case .storeProduced(let reports, _) = directive else { return count }
      return count + reports.count
    }
  }

  @Test func aCheckpointSparesMostOfTheInbox() throws {
    let checkpoint = try #require(store.resumption(usingCheckpoints: true).checkpoints[.live])
    let total = store.received(lane: .live).count
    #expect(Int(checkpoint.received) > total / 2)
    var count = 0
    store.eachReceived(lane: .live, after: checkpoint.received) { _, _, _ in count += 1 }
    #expect(count == total - Int(checkpoint.received))
  }

  @Test func aMonitorGoesOnFromItsCheckpoint() throws {
    let (node, directives) = try start(store)
    #expect(warnings(directives).isEmpty)
    #expect(madeAgain(directives) == 0)
    #expect(node.status.lanes.first?.received == UInt64(store.received(lane: .live).count))
  }

  /// A damaged checkpoint, or one of another version, is told of; nothing is concluded twice, and
  /// nothing otherwise.
  @Test(arguments: [3, 10, 12, 40, -1])
  func aDamagedCheckpointIsToldAndTheInboxReadAgain(place: Int) throws {
    var store = store
    var bytes = try #require(store.resumption(usingCheckpoints: true).checkpoints[.live]).bytes
    let index = place < 0 ? bytes.count + place : place
    bytes[index] ^= 0x55
    store.saveCheckpoint(bytes, lane: .live)
    let (node, directives) = try start(store)
    #expect(
      node.status.lanes.first?.received == UInt64(store.received(lane: .live).count))
    #expect(
      warnings(directives) == [
        "checkpoint not taken up: the inbox is read again from its beginning"
      ])
    #expect(madeAgain(directives) == 0)
  }

  /// The state of a sound checkpoint is what the whole inbox gives.
  @Test func bothWaysGiveTheSameState() throws {
    var whole = store
    whole.saveCheckpoint([], lane: .live)
    let (resumed, _) = try start(store)
    let (replayed, _) = try start(whole)
    #expect(resumed.status.lanes == replayed.status.lanes)
    #expect(resumed.losses == replayed.losses)
  }
}
