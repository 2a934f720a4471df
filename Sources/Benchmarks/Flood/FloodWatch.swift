import Links
import Monitoring
import Reports
import Synchronization
import Terms

/// An operator who asks the monitor under test how it does.
final class FloodWatch: Sendable {
  private struct State {
    var client: LinkClient?
    var connection: ConnectionID?
    var isOpen = false
    var asked = CaptureTime.distantPast
    var worst = 0.0
    var shed: UInt64 = 0
    var position: UInt64 = 0
    var flood: Report?
  }

  private let port: Int
  private let state = Mutex(State())

  init(port: Int) { self.port = port }

  func connect(pki folder: String) throws {
    let client = try LinkClient(
      credentials: try LinkCredentials.load(directory: folder, name: PKI.operatorName)
    ) { [weak self] in self?.take($0) }
    state.withLock { state in
      state.client = client
      state.connection = client.dial(host: "127.0.0.1", port: port, expecting: nil)
    }
  }

  /// Seconds of event time that the monitor was behind the clock at most.
  var worstLag: Double { state.withLock { $0.worst } }
  /// Reports that were not taken.
  var shed: UInt64 { state.withLock { $0.shed } }

  var floodReport: String {
    state.withLock { state in
      guard let report = state.flood else { return "not at all" }
      return "\(report.kind), severity \(report.severity), revision \(report.revision)"
    }
  }

  func ask() {
    state.withLock { state in
      guard state.isOpen, let id = state.connection else { return }
      state.asked = FloodBenchmark.now()
      state.client?.send(.statusRequest, on: id)
      state.client?.send(request(after: state.position), on: id)
    }
  }

  private func request(after position: UInt64) -> LinkMessage {
    .reportsRequest(ReportsRequest(lane: .live, after: position))
  }

  private func take(_ event: LinkTransportEvent) {
    state.withLock { state in
      switch event {
      case .opened: state.isOpen = true
      case .received(_, .statusReply(let status)):
        state.shed = status.losses["intake.shed"] ?? state.shed
        guard let lane = status.lanes.first(where: { $0.name == .live }),
          lane.watermark > .distantPast, lane.watermark < .distantFuture
        else { return }
        state.worst = max(state.worst, (state.asked - lane.watermark).seconds)
      case .received(_, .reportsReply(let reply)):
        state.position = reply.next ?? reply.entries.last?.sequence ?? state.position
        for entry in reply.entries where entry.report.kind == .overload {
          state.flood = entry.report
        }
        guard reply.next != nil, let id = state.connection else { return }
        state.client?.send(request(after: state.position), on: id)
      default: break
      }
    }
  }
}
