import Foundation
import Monitoring
import Reports
import Synchronization
import Terms
import Testing

@testable import Links

/// A peer that sends without waiting, and a reader that takes its time.
@Suite(.serialized, .timeLimit(.minutes(1))) struct PacingTests {
  /// What a server was told, by connection.
  private final class Reader: Sendable {
    private struct State {
      var told: [ConnectionID: Int] = [:]
      var names: [String: ConnectionID] = [:]
    }

    private let state = Mutex(State())

    func take(_ event: LinkTransportEvent) {
      state.withLock { state in
        switch event {
        case .opened(let id, .monitor(let name)): state.names[name.text] = id
        case .received(let id, _): state.told[id, default: 0] += 1
        default: break
        }
      }
    }

    func connection(_ name: String) -> ConnectionID? { state.withLock { $0.names[name] } }

    func told(_ name: String) -> Int {
      state.withLock { state in state.names[name].flatMap { state.told[$0] } ?? 0 }
    }
  }

  /// A client that sends this many batches as soon as its link is open.
  private func sender(
    _ name: String, _ folder: Folder, port: Int, batches: Int
  ) throws -> LinkClient {
    let batch = Batch(
      lane: .live, entries: (1...256).map { report($0, emitted: 1) }, through: 256,
      watermark: .distantPast)
    let shared = Box()
    let client = try LinkClient(credentials: folder.credentials(name)) { event in
      guard case .opened(let id, _) = event else { return }
      let client = shared.value.withLock { $0 }
      for _ in 0..<batches { client?.send(.batch(batch), on: id) }
    }
    shared.value.withLock { $0 = client }
    _ = client.dial(host: "127.0.0.1", port: port, expecting: .monitor(hq))
    return client
  }

  private final class Box: Sendable {
    let value = Mutex<LinkClient?>(nil)
  }

  @Test func aPeerThatSendsWithoutEndIsNotReadWithoutEnd() async throws {
    let folder = try Folder()
    defer { folder.remove() }
    let reader = Reader()
    let server = try await LinkServer.listen(
      host: "127.0.0.1", port: 0, credentials: folder.credentials("hq"), isPaced: true
    ) { reader.take($0) }
    let flood = try sender("dmz", folder, port: server.port, batches: 400)
    await eventually("the first of the flood") {
      reader.told("dmz") >= LinkLimit.unhandledMessages
    }
    // A quiet peer is read as if nothing were the matter.
    let quiet = try sender("branch", folder, port: server.port, batches: 3)
    await eventually("the quiet peer") { reader.told("branch") == 3 }
    try await Task.sleep(for: .milliseconds(300))
    #expect(reader.told("dmz") <= LinkLimit.unhandledMessages + 8)
    // Whoever handles what it was told is told the rest.
    var handled = 0
    await eventually("the rest of the flood") {
      while handled < reader.told("dmz") {
        if let id = reader.connection("dmz") { server.handled(id) }
        handled += 1
      }
      return handled == 400
    }
    await flood.stop()
    await quiet.stop()
    await server.stop()
  }
}
