import Foundation
import NIOCore
import NIOPosix
import NIOSSL

/// Accepts links: mutual TLS 1.3, the peer named by its certificate.
public final class LinkServer: Sendable {
  /// Connections that the kernel may hold before they are accepted.
  private static let backlog: Int32 = 256

  private let channel: any Channel
  private let connections: LinkConnections
  /// The port in use; of interest when the one asked for was 0.
  public let port: Int

  private init(channel: any Channel, connections: LinkConnections) {
    self.channel = channel
    self.connections = connections
    port = channel.localAddress?.port ?? 0
  }

  /// Listens on `host`:`port` until `stop`; events come on an event loop. With `isPaced`, `handled`
  /// must be called for every message told, and too many of one connection stop its reading.
  public static func listen(
    host: String, port: Int, credentials: LinkCredentials, isPaced: Bool = false,
    onEvent: @escaping @Sendable (LinkTransportEvent) -> Void
  ) async throws(LinkFault) -> LinkServer {
    let context = try credentials.serverContext()
    let connections = LinkConnections()
    let bootstrap = ServerBootstrap(group: LinkConnections.group)
      .serverChannelOption(.backlog, value: backlog)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.socketOption(.so_keepalive), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try accept(channel, context, connections, isPaced, onEvent)
        }
      }
    do {
      let channel = try await bootstrap.bind(host: host, port: port).get()
      return LinkServer(channel: channel, connections: connections)
    } catch {
      throw .cannotBind(address: "\(host):\(port)", reason: words(error))
    }
  }

  private static func accept(
    _ channel: any Channel, _ context: NIOSSLContext, _ connections: LinkConnections,
    _ isPaced: Bool, _ onEvent: @escaping @Sendable (LinkTransportEvent) -> Void
  ) throws {
    guard connections.count < DownlinkTable.connectionLimit else {
      throw ChannelError.outputClosed
    }
    let id = LinkConnections.newID()
    let address = channel.remoteAddress.map(Self.words) ?? "a peer that left"
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(NIOSSLServerHandler(context: context))
    try pipeline.addHandler(ByteToMessageHandler(FrameDecoder()))
    try pipeline.addHandler(
      LinkHandler(id: id, address: address, expected: nil) { event in
        if case .closed = event, !connections.remove(id) { return }
        if isPaced, case .received = event { connections.told(id) }
        onEvent(event)
      })
    try connections.add(id, channel)
  }

  /// One message of the connection has been handled; see `listen`.
  public func handled(_ id: ConnectionID) { connections.handled(id) }

  public func send(_ message: LinkMessage, on id: ConnectionID) {
    connections.send(message, on: id)
  }

  /// Closes after everything sent before is written; `closed` follows.
  public func close(_ id: ConnectionID, reason: String) { connections.close(id, reason: reason) }

  /// Stops listening and closes every connection.
  public func stop() async {
    try? await channel.close()
    await connections.closeAll(reason: "this monitor stops")
  }

  static func words(_ error: any Error) -> String {
    switch error {
    case let error as IOError: TLSReason.words(errno: error.errnoCode)
    case let error as NIOConnectionError:
      error.connectionErrors.first.map { words($0.error) } ?? "the name '\(error.host)' is unknown"
    case ChannelError.connectTimeout: "no answer in time"
    default: "\(error)"
    }
  }

  private static func words(_ address: SocketAddress) -> String {
    address.ipAddress.map { "\($0):\(address.port ?? 0)" } ?? "\(address)"
  }
}
