import NIOCore
import NIOPosix
import Synchronization

/// What happens on connections. Delivered on an event loop: take it and return at once.
public enum LinkTransportEvent: Sendable {
  /// TLS stands and the certificate names the peer.
  case opened(ConnectionID, PeerIdentity)
  case received(ConnectionID, LinkMessage)
  /// The connection is gone, or never came to be. Always the last event of its connection.
  case closed(ConnectionID, LinkFault)
}

/// The connections of one server or client.
final class LinkConnections: Sendable {
  /// One thread serves all links of the process.
  static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private static let lastID = Atomic<UInt64>(0)

  private struct Connection: Sendable {
    /// nil until the socket exists.
    var channel: (any Channel)?
    /// Bytes handed over and not yet written.
    var waiting = 0
    /// A close that was asked for before the socket existed.
    var isCancelled = false
    /// Messages told and not handled yet, and whether reading waits for them.
    var unhandled = 0
    var isPaused = false
  }

  private let connections = Mutex<[ConnectionID: Connection]>([:])

  static func newID() -> ConnectionID {
    ConnectionID(lastID.wrappingAdd(1, ordering: .relaxed).newValue)
  }

  var count: Int { connections.withLock { $0.count } }

  func reserve(_ id: ConnectionID) { connections.withLock { $0[id] = Connection() } }

  func add(_ id: ConnectionID, _ channel: any Channel) throws {
    let isCancelled = connections.withLock { all -> Bool in
      all[id, default: Connection()].channel = channel
      return all[id]?.isCancelled ?? false
    }
    if isCancelled { throw ChannelError.alreadyClosed }
  }

  /// Whether the connection was still known: its `closed` is told once.
  func remove(_ id: ConnectionID) -> Bool {
    connections.withLock { $0.removeValue(forKey: id) != nil }
  }

  /// Frames and sends; nothing happens when the connection is gone. A peer that does not read is
  /// cut off at `LinkLimit.outboundBytes`.
  func send(_ message: LinkMessage, on id: ConnectionID) {
    guard let channel = connections.withLock({ $0[id]?.channel }) else { return }
    let frame = LinkCoding.withFrame(message) { ByteBuffer(bytes: $0) }
    let size = frame.readableBytes
    let waiting = connections.withLock { all -> Int in
      all[id]?.waiting += size
      return all[id]?.waiting ?? 0
    }
    guard waiting <= LinkLimit.outboundBytes else {
      channel.pipeline.fireUserInboundEventTriggered(LinkHandler.Command.cutSlowPeer)
      return
    }
    channel.writeAndFlush(frame).whenComplete { [weak self] _ in
      self?.connections.withLock { $0[id]?.waiting -= size }
    }
  }

  /// A message is told: no more is read while too many wait to be handled, so that a peer that sends
  /// without end fills its own sockets and not this process.
  func told(_ id: ConnectionID) {
    let channel = connections.withLock { all -> (any Channel)? in
      guard var connection = all[id] else { return nil }
      connection.unhandled += 1
      let pauses = !connection.isPaused && connection.unhandled >= LinkLimit.unhandledMessages
      if pauses { connection.isPaused = true }
      all[id] = connection
      return pauses ? connection.channel : nil
    }
    channel?.setOption(.autoRead, value: false).whenFailure { _ in }
  }

  /// A message has been handled.
  func handled(_ id: ConnectionID) {
    let channel = connections.withLock { all -> (any Channel)? in
      guard var connection = all[id] else { return nil }
      connection.unhandled -= 1
      let resumes = connection.isPaused && connection.unhandled <= LinkLimit.unhandledMessages / 2
      if resumes { connection.isPaused = false }
      all[id] = connection
      return resumes ? connection.channel : nil
    }
    channel?.setOption(.autoRead, value: true).whenFailure { _ in }
  }

  /// Closes after everything sent before is written.
  func close(_ id: ConnectionID, reason: String) {
    let channel = connections.withLock { all in
      all[id]?.isCancelled = true
      return all[id]?.channel
    }
    channel?.pipeline.fireUserInboundEventTriggered(LinkHandler.Command.close(reason))
  }

  func closeAll(reason: String) async {
    let channels = connections.withLock { $0.values.compactMap(\.channel) }
    for channel in channels {
      channel.pipeline.fireUserInboundEventTriggered(LinkHandler.Command.close(reason))
    }
    for channel in channels { _ = try? await channel.closeFuture.get() }
  }
}
