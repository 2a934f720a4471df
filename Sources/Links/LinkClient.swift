import NIOCore
import NIOPosix
import NIOSSL

/// Opens links: mutual TLS 1.3, the peer named by its certificate.
public final class LinkClient: Sendable {
  /// Time for the TCP connection.
  private static let connectLimit = TimeAmount.seconds(5)

  private let context: NIOSSLContext
  private let connections = LinkConnections()
  private let onEvent: @Sendable (LinkTransportEvent) -> Void

  public init(
    credentials: LinkCredentials, onEvent: @escaping @Sendable (LinkTransportEvent) -> Void
  ) throws(LinkFault) {
    context = try credentials.clientContext()
    self.onEvent = onEvent
  }

  /// Starts a connection: `opened` or `closed` follows. A peer other than `expected` is cut off.
  public func dial(host: String, port: Int, expecting expected: PeerIdentity?) -> ConnectionID {
    let id = LinkConnections.newID()
    let address = "\(host):\(port)"
    connections.reserve(id)
    ClientBootstrap(group: LinkConnections.group)
      .connectTimeout(Self.connectLimit)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.socketOption(.so_keepalive), value: 1)
      .channelInitializer { [context, connections, onEvent] channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil))
          try pipeline.addHandler(ByteToMessageHandler(FrameDecoder()))
          try pipeline.addHandler(
            LinkHandler(id: id, address: address, expected: expected) { event in
              if case .closed = event, !connections.remove(id) { return }
              onEvent(event)
            })
          try connections.add(id, channel)
        }
      }
      .connect(host: host, port: port)
      .whenFailure { [connections, onEvent] error in
        guard connections.remove(id) else { return }
        let reason = LinkServer.words(error)
        onEvent(.closed(id, .cannotConnect(address: address, reason: reason)))
      }
    return id
  }

  public func send(_ message: LinkMessage, on id: ConnectionID) {
    connections.send(message, on: id)
  }

  /// Closes after everything sent before is written; `closed` follows.
  public func close(_ id: ConnectionID, reason: String) { connections.close(id, reason: reason) }

  /// Closes every connection.
  public func stop() async { await connections.closeAll(reason: "this side stops") }
}
