import Dispatch
import Foundation
import Monitoring
import Reports
import Synchronization
import Terms
import Testing

@testable import Links

func hostNow() -> HostTime { HostTime(nanoseconds: DispatchTime.now().uptimeNanoseconds) }

/// Waits for a condition, at most ten seconds.
func eventually(_ what: String, _ condition: () -> Bool) async {
  for _ in 0..<1000 {
    if condition() { return }
    try? await Task.sleep(for: .milliseconds(10))
  }
  Issue.record("waited in vain: \(what)")
}

/// A fresh folder with the certificates of a small tree.
struct Folder {
  let path: String

  init(days: Int = 30) throws {
    path = FileManager.default.temporaryDirectory.path + "/beryl-links-\(UUID().uuidString)"
    let subjects = [dmz, hq, branch].map {
      PKI.Subject(name: $0, tier: .domain, hosts: ["127.0.0.1", "localhost"])
    }
    try PKI.issue(subjects, into: path, days: days)
  }

  func credentials(_ name: String) throws -> LinkCredentials {
    try LinkCredentials.load(directory: path, name: name, now: .distantPast)
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}

/// A parent on a real socket, its store in memory.
final class ParentShell: Sendable {
  struct State {
    var table: DownlinkTable
    var stored: [SequencedReport] = []
    var log: [String] = []
    var server: LinkServer?
  }

  let state: Mutex<State>

  init(_ configuration: DownlinkMachine.Configuration) {
    state = Mutex(State(table: DownlinkTable(configuration: configuration)))
  }

  var log: [String] { state.withLock { $0.log } }
  var stored: [UInt64] { state.withLock { $0.stored.map(\.sequence) } }
  var port: Int { state.withLock { $0.server?.port ?? 0 } }

  func listen(_ credentials: LinkCredentials) async throws {
    let server = try await LinkServer.listen(host: "127.0.0.1", port: 0, credentials: credentials) {
      [weak self] event in self?.take(event)
    }
    state.withLock { $0.server = server }
  }

  func stop() async { await state.withLock { $0.server }?.stop() }

  private func take(_ event: LinkTransportEvent) {
    state.withLock { state in
      switch event {
      case .opened(let id, let identity):
        obey(state.table.opened(id, identity, hostNow()), &state)
      case .received(let id, let message):
        obey(state.table.received(id, message, hostNow()), &state)
      case .closed(let id, let fault):
        state.log.append("closed: \(fault)")
        obey(state.table.closed(id, reason: "\(fault)"), &state)
      }
    }
  }

  private func obey(_ directives: [DownlinkTable.Directive], _ state: inout State) {
    for directive in directives {
      let id = directive.connection
      switch directive.action {
      case .send(let message): state.server?.send(message, on: id)
      case .close(let reason): state.server?.close(id, reason: reason)
      case .admit: obey(state.table.admit(id, positions: [:], hostNow()), &state)
      case .store(_, let lane, let entries, let through, _):
        state.stored += entries
        obey(state.table.stored(id, lane, through: through), &state)
      case .refused(_, let refusal): state.log.append("refused: \(refusal)")
      case .control(_, .statusRequest):
        let status = MonitorStatus(monitor: hq, tier: .domain, losses: ["a": 1])
        state.server?.send(.statusReply(status), on: id)
      case .control: break
      case .linked(let child): state.log.append("linked \(child)")
      case .left(let child, _): state.log.append("left \(child)")
      case .heartbeat, .rejected: break
      }
    }
  }
}

/// A child on a real socket.
final class ChildShell: Sendable {
  struct State {
    var machine: UplinkMachine
    var links: [MonitorName: ConnectionID] = [:]
    var log: [String] = []
    var client: LinkClient?
  }

  let state: Mutex<State>
  private let ports: [MonitorName: Int]

  init(ports: [MonitorName: Int], hello: Hello, credentials: LinkCredentials) throws {
    self.ports = ports
    let parents = ports.keys.sorted()
    state = Mutex(
      State(machine: UplinkMachine(configuration: .init(hello: hello, parents: parents))))
    let client = try LinkClient(credentials: credentials) { [weak self] event in self?.take(event) }
    state.withLock { $0.client = client }
  }

  var log: [String] { state.withLock { $0.log } }
  func logs(_ words: String) -> Bool { log.contains { $0.contains(words) } }

  func start() { state.withLock { state in obey(state.machine.start(hostNow()), &state) } }

  func append(_ entries: [SequencedReport]) {
    state.withLock { state in
      obey(state.machine.append(entries, lane: .live, hostNow()), &state)
    }
  }

  func stop() async { await state.withLock { $0.client }?.stop() }

  private func take(_ event: LinkTransportEvent) {
    state.withLock { state in
      switch event {
      case .opened(let id, _):
        guard let parent = state.links.first(where: { $0.value == id })?.key else { return }
        obey(state.machine.connected(parent, hostNow()), &state)
      case .received(let id, let message):
        guard let parent = state.links.first(where: { $0.value == id })?.key else { return }
        obey(state.machine.received(message, from: parent, hostNow()), &state)
      case .closed(let id, let fault):
        state.log.append("closed: \(fault)")
        guard let parent = state.links.first(where: { $0.value == id })?.key else { return }
        state.links[parent] = nil
        obey(state.machine.disconnected(parent, reason: "\(fault)", hostNow()), &state)
      }
    }
  }

  private func obey(_ directives: [UplinkMachine.Directive], _ state: inout State) {
    for directive in directives {
      state.log.append(directive.line)
      switch directive {
      case .dial(let parent):
        state.links[parent] = state.client?.dial(
          host: "127.0.0.1", port: ports[parent] ?? 1, expecting: .monitor(parent))
      case .send(let message, let parent):
        if let id = state.links[parent] { state.client?.send(message, on: id) }
      case .close(let parent, let reason):
        if let id = state.links[parent] { state.client?.close(id, reason: reason) }
      case .load, .acknowledged, .ended, .linked, .unlinked, .refused: break
      }
    }
  }
}
