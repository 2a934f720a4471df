import NIOCore
import NIOPosix
import Synchronization

/// An operator's line to one monitor: requests out, one reply each, in order.
public final class ControlConnection: Sendable {
  private typealias Answer = CheckedContinuation<Result<LinkMessage, LinkFault>, Never>

  private struct State {
    var waiting: [(number: UInt64, answer: Answer)] = []
    var nextNumber: UInt64 = 0
    var opening: CheckedContinuation<LinkFault?, Never>?
    var isOpen = false
    var fault: LinkFault?
  }

  /// What the transport tells, kept apart so that the client can be made before the connection.
  private final class Inbox: Sendable {
    let state = Mutex(State())
  }

  private let client: LinkClient
  private let id: ConnectionID
  private let inbox: Inbox
  public let address: String

  private init(client: LinkClient, id: ConnectionID, inbox: Inbox, address: String) {
    self.client = client
    self.id = id
    self.inbox = inbox
    self.address = address
  }

  /// Connects; a monitor other than `expected` (nil: any) is a fault.
  public static func open(
    host: String, port: Int, credentials: LinkCredentials, expecting expected: PeerIdentity? = nil
  ) async throws(LinkFault) -> ControlConnection {
    let inbox = Inbox()
    let client = try LinkClient(credentials: credentials) { event in take(event, inbox) }
    let id = client.dial(host: host, port: port, expecting: expected)
    let fault = await withCheckedContinuation { (opening: CheckedContinuation<LinkFault?, Never>) in
      let known = inbox.state.withLock { state -> Bool in
        if state.isOpen || state.fault != nil { return true }
        state.opening = opening
        return false
      }
      if known { opening.resume(returning: inbox.state.withLock { $0.fault }) }
    }
    if let fault { throw fault }
    return ControlConnection(client: client, id: id, inbox: inbox, address: "\(host):\(port)")
  }

  /// Sends a request and waits for its reply. Several may be under way at once.
  public func request(
    _ message: LinkMessage, timeout: Duration = .seconds(10)
  ) async throws(LinkFault) -> LinkMessage {
    let result = await withCheckedContinuation { (answer: Answer) in
      let number = inbox.state.withLock { state -> UInt64? in
        guard state.fault == nil else { return nil }
        state.nextNumber += 1
        state.waiting.append((state.nextNumber, answer))
        // Under the lock, so that requests go out in the order in which their answers are awaited.
        client.send(message, on: id)
        return state.nextNumber
      }
      guard let number else {
        let fault = inbox.state.withLock { $0.fault } ?? .closed(reason: "not connected")
        answer.resume(returning: .failure(fault))
        return
      }
      expire(number, timeout, waitedFor: "answer to '\(message.name)'")
    }
    return try result.get()
  }

  public func close() { client.close(id, reason: "done") }

  /// A late answer would be taken for the next one's: a timeout ends the connection.
  private func expire(_ number: UInt64, _ timeout: Duration, waitedFor what: String) {
    let nanoseconds =
      timeout.components.seconds * 1_000_000_000
      + timeout.components.attoseconds / 1_000_000_000
    let fault = LinkFault.timeout(address: address, waitedFor: what)
    LinkConnections.group.next().scheduleTask(in: .nanoseconds(nanoseconds)) {
      [inbox, client, id] in
      let isWaiting = inbox.state.withLock { state in
        state.waiting.contains { $0.number == number }
      }
      guard isWaiting else { return }
      Self.end(inbox, fault)
      client.close(id, reason: "\(fault)")
    }
  }

  private static func take(_ event: LinkTransportEvent, _ inbox: Inbox) {
    switch event {
    case .opened:
      let opening = inbox.state.withLock { state in
        state.isOpen = true
        defer { state.opening = nil }
        return state.opening
      }
      opening?.resume(returning: nil)
    case .received(_, .refusal(let refusal)): end(inbox, .refused(refusal))
    case .received(_, .goodbye(let reason)): end(inbox, .closed(reason: reason))
    case .received(_, let message):
      let answer = inbox.state.withLock { state in
        state.waiting.isEmpty ? nil : state.waiting.removeFirst().answer
      }
      answer?.resume(returning: .success(message))
    case .closed(_, let fault): end(inbox, fault)
    }
  }

  private static func end(_ inbox: Inbox, _ fault: LinkFault) {
    let (opening, waiting, first) = inbox.state.withLock { state in
      let first = state.fault ?? fault
      state.fault = first
      defer {
        state.opening = nil
        state.waiting = []
      }
      return (state.opening, state.waiting, first)
    }
    opening?.resume(returning: first)
    for entry in waiting { entry.answer.resume(returning: .failure(first)) }
  }
}
