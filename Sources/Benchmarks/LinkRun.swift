import Dispatch
import Glibc
import Links
import Monitoring
import Reports
import Synchronization
import Terms

/// A child and a parent in one process, with a real TLS connection between them.
final class LinkRun: Sendable {
  /// A result on its way from the task to the thread that waits for it.
  final class Box: Sendable {
    private let result = Mutex<Result<Double, any Error>>(
      .failure(LinkBenchmark.Fault.failed("no result")))

    func set(_ value: Result<Double, any Error>) { result.withLock { $0 = value } }
    func get() throws -> Double { try result.withLock { try $0.get() } }
  }

  /// Reports under way at most.
  private static let depth: UInt64 = 3000
  private static let batch: UInt64 = 256

  private struct State {
    var uplink: UplinkMachine
    var downlinks: DownlinkTable
    var server: LinkServer?
    var client: LinkClient?
    var connection: ConnectionID?
    var port = 0
    var produced: UInt64 = 0
    var fault: String?
  }

  private let total: UInt64
  private let stores: LinkBenchmark.Stores
  private let reports: BenchmarkReports
  private let parent: MonitorName
  private let state: Mutex<State>

  init(total: Int, stores: LinkBenchmark.Stores, reports: BenchmarkReports) {
    self.total = UInt64(total)
    self.stores = stores
    self.reports = reports
    let child = reports[0].report.monitor
    let parent = MonitorName("parent") ?? child
    self.parent = parent
    let schema = reports.schema
    let hello = Hello(
      monitor: child, tier: .local, schemaDigest: schema.digest, kindDigests: schema.kindDigests)
    state = Mutex(
      State(
        uplink: UplinkMachine(configuration: .init(hello: hello, parents: [parent])),
        downlinks: DownlinkTable(
          configuration: .init(
            monitor: parent, children: [child], monitors: [child, parent], schema: schema))))
  }

  /// CPU seconds from the first report to the last acknowledgement.
  func measure(pki folder: String) async throws -> Double {
    let server = try await LinkServer.listen(
      host: "127.0.0.1", port: 0,
      credentials: try LinkCredentials.load(directory: folder, name: parent.text)
    ) { self.takeServer($0) }
    let client = try LinkClient(
      credentials: try LinkCredentials.load(directory: folder, name: "child")
    ) { self.takeClient($0) }
    let before = Measurement.processCPUSeconds()
    state.withLock { state in
      state.server = server
      state.client = client
      state.port = server.port
      obey(state.uplink.start(Self.now()), &state)
    }
    while !isFinished { try await Task.sleep(for: .milliseconds(5)) }
    let seconds = Measurement.processCPUSeconds() - before
    let fault = state.withLock { $0.fault }
    await client.stop()
    await server.stop()
    if let fault { throw LinkBenchmark.Fault.failed(fault) }
    return seconds
  }

  private var isFinished: Bool {
    state.withLock { $0.fault != nil || $0.uplink.acknowledged(.live) >= total }
  }

  private static func now() -> HostTime {
    HostTime(nanoseconds: DispatchTime.now().uptimeNanoseconds)
  }

  // MARK: The child

  private func takeClient(_ event: LinkTransportEvent) {
    state.withLock { state in
      switch event {
      case .opened: obey(state.uplink.connected(parent, Self.now()), &state)
      case .received(_, let message):
        obey(state.uplink.received(message, from: parent, Self.now()), &state)
        produce(&state)
      case .closed(_, let fault): state.fault = state.fault ?? "\(fault)"
      }
    }
  }

  private func produce(_ state: inout State) {
    while state.produced < total,
      state.produced - state.uplink.acknowledged(.live) < Self.depth
    {
      let next = state.produced + 1
      let entries = (next...min(total, next + Self.batch - 1)).map { reports[$0] }
      state.produced += UInt64(entries.count)
      attempt(&state) { try stores.produced(entries) }
      obey(state.uplink.append(entries, lane: .live, Self.now()), &state)
    }
  }

  private func obey(_ directives: [UplinkMachine.Directive], _ state: inout State) {
    for directive in directives {
      switch directive {
      case .dial(let parent):
        state.connection = state.client?.dial(
          host: "127.0.0.1", port: state.port, expecting: .monitor(parent))
      case .send(let message, _):
        if let id = state.connection { state.client?.send(message, on: id) }
      case .acknowledged(_, let through):
        attempt(&state) { try stores.acknowledged(through) }
      case .refused(_, let refusal): state.fault = "\(refusal)"
      case .close, .load, .ended, .linked, .unlinked: break
      }
    }
  }

  // MARK: The parent

  private func takeServer(_ event: LinkTransportEvent) {
    state.withLock { state in
      switch event {
      case .opened(let id, let identity):
        obey(state.downlinks.opened(id, identity, Self.now()), &state)
      case .received(let id, let message):
        obey(state.downlinks.received(id, message, Self.now()), &state)
      case .closed(let id, let fault):
        obey(state.downlinks.closed(id, reason: "\(fault)"), &state)
      }
    }
  }

  private func obey(_ directives: [DownlinkTable.Directive], _ state: inout State) {
    for directive in directives {
      let id = directive.connection
      switch directive.action {
      case .send(let message): state.server?.send(message, on: id)
      case .close(let reason): state.server?.close(id, reason: reason)
      case .admit: obey(state.downlinks.admit(id, positions: [:], Self.now()), &state)
      case .store(_, let lane, let entries, let through, _):
        attempt(&state) { try stores.received(entries, through) }
        obey(state.downlinks.stored(id, lane, through: through), &state)
      case .rejected(_, _, let sequence, let why): state.fault = "\(sequence): \(why)"
      case .linked, .left, .heartbeat, .refused, .control: break
      }
    }
  }

  private func attempt(_ state: inout State, _ body: () throws -> Void) {
    do {
      try body()
    } catch {
      state.fault = state.fault ?? "\(error)"
    }
  }
}
