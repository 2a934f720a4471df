import Hierarchy
import Links
import Monitoring
import Reports
import Terms
import Tiers

/// An operator's lines to all monitors of a topology.
public actor TreeControl {
  /// Why a monitor gave no answer.
  public enum Answer: Sendable {
    case status(MonitorStatus)
    case unreachable(String)
    /// The topology gives it no address.
    case silent
  }

  public nonisolated let topology: Topology
  private let credentials: LinkCredentials
  private var connections: [MonitorName: ControlConnection] = [:]

  public init(topology: Topology, pkiDirectory: String) throws(LinkFault) {
    self.topology = topology
    credentials = try LinkCredentials.load(
      directory: pkiDirectory, name: PKI.operatorName)
  }

  /// Sends a request to one monitor and waits for the reply; connects first where there is no
  /// connection.
  public func request(
    _ message: LinkMessage, to monitor: MonitorName, timeout: Duration = .seconds(30)
  ) async throws -> LinkMessage {
    let connection = try await connection(to: monitor)
    do {
      return try await connection.request(message, timeout: timeout)
    } catch {
      // Whatever went wrong, the next request starts afresh.
      connection.close()
      connections[monitor] = nil
      throw error
    }
  }

  public func status(of monitor: MonitorName) async -> Answer {
    guard topology.monitor(monitor)?.listen != nil else { return .silent }
    do {
      guard
        case .statusReply(let status) = try await request(
          .statusRequest, to: monitor, timeout: .seconds(5))
      else { return .unreachable("it gave no status") }
      return .status(status)
    } catch {
      return .unreachable("\(error)")
    }
  }

  /// What every monitor says, in the topology's order.
  public func statuses() async -> [(monitor: MonitorName, answer: Answer)] {
    var answers: [(MonitorName, Answer)] = []
    for definition in topology.monitors {
      answers.append((definition.name, await status(of: definition.name)))
    }
    return answers
  }

  /// A monitor's own reports of a lane, every revision in the order stored.
  public func reports(
    of monitor: MonitorName, lane: LaneName,
    classes: Set<ReportClass> = Set(ReportClass.allCases)
  ) async throws -> [Report] {
    var reports: [Report] = []
    var position: UInt64? = 0
    while let after = position {
      let request = ReportsRequest(lane: lane, classes: classes, after: after)
      let reply = try await self.reply(to: .reportsRequest(request), of: monitor)
      reports += reply.entries.map(\.report)
      // A monitor that leads back would be asked for ever.
      position = reply.next.flatMap { $0 > after ? $0 : nil }
    }
    return reports
  }

  /// The newest revisions of those of `ids` that a monitor has, own or received.
  public func reports(_ ids: [ReportID], at monitor: MonitorName) async throws -> [Report] {
    var reports: [Report] = []
    var start = 0
    while start < ids.count {
      let end = min(ids.count, start + LinkLimit.lookupReports)
      let reply = try await self.reply(to: .lookupRequest(Array(ids[start..<end])), of: monitor)
      reports += reply.entries.map(\.report)
      // On by one at least, and within what was asked for, whatever the monitor says.
      start = reply.next.map { start + min(max(1, Int(clamping: $0)), end - start) } ?? end
    }
    return reports
  }

  private func reply(
    to message: LinkMessage, of monitor: MonitorName
  ) async throws -> ReportsReply {
    guard case .reportsReply(let reply) = try await request(message, to: monitor) else {
      throw StartRefusal("'\(monitor)' gave no proper reply")
    }
    return reply
  }

  public func close() {
    for connection in connections.values { connection.close() }
    connections = [:]
  }

  private func connection(to monitor: MonitorName) async throws -> ControlConnection {
    if let open = connections[monitor] { return open }
    guard let listen = topology.monitor(monitor)?.listen else {
      throw StartRefusal("'\(monitor)' listens nowhere: give it 'listen' in the topology")
    }
    let opened = try await ControlConnection.open(
      host: listen.host, port: Int(listen.port), credentials: credentials,
      expecting: .monitor(monitor))
    connections[monitor] = opened
    return opened
  }
}

extension MonitorStatus {
  /// Whether a lane has reached its end here and everything of it is with the parent.
  func isThrough(_ lane: LaneName) -> Bool {
    lanes.contains { $0.name == lane && $0.watermark == .distantFuture && $0.spooled == 0 }
  }
}
