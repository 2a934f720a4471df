import Foundation
import Hierarchy
import Links
import Monitoring
import Reports
import Terms
import Testing

@testable import Tiers

private let repository = URL(filePath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()

private func name(_ text: String) throws -> MonitorName { try #require(MonitorName(text)) }

/// The domain monitor `hq` of the shipped topology, started, with its three children expected.
private func startedNode(_ monitor: String = "hq") throws -> MonitorNode {
  let topology = try loadTopology(repository.appending(path: "topology/acme.yaml").path)
  let configuration = try #require(
    NodeConfiguration(topology: topology, monitor: try name(monitor)))
  var node = MonitorNode(configuration)
  node.start(.milliseconds(0))
  _ = node.takeDirectives()
  return node
}

private func replies(_ directives: [NodeDirective]) -> [LinkMessage] {
  directives.compactMap { directive in
    if case .sendDown(let message, _) = directive { message } else { nil }
  }
}

private func isOK(_ message: LinkMessage?) -> Bool {
  if case .controlReply(let reply) = message { reply.isOK } else { false }
}

private let drill = LaneName("drill-1")
private let begin = LinkMessage.drillBegin(DrillBegin(lane: drill, capture: nil, speed: nil))

@Test func aDrillEndsWithItsOperator() throws {
  var node = try startedNode()
  let line = ConnectionID(7)
  node.childOpened(line, .operator(try name("operator")), .milliseconds(1))
  node.childSaid(begin, line, .milliseconds(2))
  let answer = replies(node.takeDirectives()).first
  #expect(isOK(answer))
  #expect(node.status.lanes.map(\.name) == [.live, drill])
  node.childClosed(line, reason: "gone", .milliseconds(3))
  #expect(node.status.lanes.map(\.name) == [.live])
  let isReleased = node.takeDirectives().contains { directive in
    if case .release(drill) = directive { true } else { false }
  }
  #expect(isReleased)
}

@Test func oneDrillIsNotBegunTwice() throws {
  var node = try startedNode()
  for number in [1, 2] as [UInt64] {
    node.childOpened(ConnectionID(number), .operator(try name("operator")), .milliseconds(1))
    node.childSaid(begin, ConnectionID(number), .milliseconds(2))
    let reply = replies(node.takeDirectives()).first
    #expect(isOK(reply) == (number == 1))
  }
}

@Test func aMonitorGivesNoOrders() throws {
  var node = try startedNode()
  node.childOpened(ConnectionID(1), .monitor(try name("hq-dmz")), .milliseconds(1))
  node.childSaid(begin, ConnectionID(1), .milliseconds(2))
  #expect(node.status.lanes.map(\.name) == [.live])
  let isRefused = replies(node.takeDirectives()).contains { message in
    if case .refusal = message { true } else { false }
  }
  #expect(isRefused)
}

@Test func aChildWithoutAWordIsDeclaredDeadAfterItsLease() throws {
  var node = try startedNode()
  node.tick(.milliseconds(NodeConfiguration.standardLease - 1))
  #expect(node.status.children.map(\.isAlive) == [true, true, true])
  node.tick(.milliseconds(NodeConfiguration.standardLease))
  #expect(node.status.children.map(\.isAlive) == [false, false, false])
  let reports = node.takeDirectives().flatMap { directive -> [Report] in
    if case .storeProduced(let produced, _) = directive { produced.map(\.report) } else { [] }
  }
  #expect(reports.map(\.kind) == [.monitorSilent, .monitorSilent, .monitorSilent])
  #expect(reports.map(\.coverage.silent.count) == [3, 3, 3])
}

@Test func everyLimitHasOneName() {
  let names = EngineLimits.all.map(\.name)
  #expect(Set(names).count == names.count)
  let helpless = EngineLimits.all.filter(\.help.isEmpty).map(\.name)
  #expect(helpless.isEmpty)
}
