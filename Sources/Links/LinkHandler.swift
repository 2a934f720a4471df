import NIOCore
import NIOSSL
import NIOTLS
import Reports

/// The last stop of a link's pipeline: frames in, messages out, every fault put into words.
final class LinkHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Requests of this side, sent down the pipeline to run on its loop.
  enum Command: Sendable {
    case close(String)
    case cutSlowPeer
  }

  /// Time for the TLS handshake.
  static let handshakeLimit = TimeAmount.seconds(10)

  private let id: ConnectionID
  private let address: String
  private let expected: PeerIdentity?
  private let onEvent: @Sendable (LinkTransportEvent) -> Void
  private var isOpen = false
  private var isClosing = false
  private var fault: LinkFault?
  private var timer: Scheduled<Void>?

  init(
    id: ConnectionID, address: String, expected: PeerIdentity?,
    onEvent: @escaping @Sendable (LinkTransportEvent) -> Void
  ) {
    self.id = id
    self.address = address
    self.expected = expected
    self.onEvent = onEvent
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(in: Self.handshakeLimit) {
      let (handler, context) = bound.value
      handler.fail(.timeout(address: handler.address, waitedFor: "TLS handshake"), context)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case TLSUserEvent.handshakeCompleted: identify(context)
    case Command.close(let reason): closeGently(.closed(reason: reason), context)
    case Command.cutSlowPeer: fail(.tooSlow(address: address), context)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard isOpen, !isClosing else { return }
    let frame = unwrapInboundIn(data)
    do throws(WireFault) {
      let message = try frame.withUnsafeReadableBytes { bytes throws(WireFault) in
        try LinkCoding.decode(bytes)
      }
      if case .refusal(let refusal) = message { fault = fault ?? .refused(refusal) }
      onEvent(.received(id, message))
    } catch {
      refuse(.malformed(address: address, error), "\(error)", context)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if let frame = error as? FrameDecoder.Oversized {
      let limit = LinkLimit.frameBytes
      refuse(
        .oversizedFrame(address: address, bytes: frame.length, limit: limit),
        "a message of \(frame.length) bytes, the limit is \(limit)", context)
      return
    }
    let certificate = (try? context.pipeline.syncOperations.nioSSL_peerCertificate()).flatMap { $0 }
    fail(TLSReason.fault(error, address: address, peer: certificate), context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    onEvent(
      .closed(
        id, fault ?? .disconnected(address: address, reason: "the peer closed the connection")))
    context.fireChannelInactive()
  }

  // MARK: Steps

  private func identify(_ context: ChannelHandlerContext) {
    let certificate = (try? context.pipeline.syncOperations.nioSSL_peerCertificate()).flatMap { $0 }
    let names = certificate?._subjectAlternativeNames()
    let uri = names?.first { $0.nameType == .uri }.map {
      String(decoding: $0.contents, as: UTF8.self)
    }
    guard let identity = uri.flatMap({ PeerIdentity(uri: $0) }) else {
      fail(.noIdentity(address: address), context)
      return
    }
    if let expected, expected != identity {
      fail(.wrongPeer(address: address, expected: expected, found: identity), context)
      return
    }
    timer?.cancel()
    isOpen = true
    onEvent(.opened(id, identity))
  }

  /// Tells the peer why before closing.
  private func refuse(_ fault: LinkFault, _ detail: String, _ context: ChannelHandlerContext) {
    guard !isClosing else { return }
    let refusal = LinkMessage.refusal(Refusal(.malformed, detail))
    let frame = LinkCoding.withFrame(refusal) { ByteBuffer(bytes: $0) }
    context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    closeGently(fault, context)
  }

  /// Everything written before goes out first (NIOSSL flushes, then says goodbye).
  private func closeGently(_ fault: LinkFault, _ context: ChannelHandlerContext) {
    guard !isClosing else { return }
    isClosing = true
    self.fault = self.fault ?? fault
    context.close(mode: .all, promise: nil)
  }

  private func fail(_ fault: LinkFault, _ context: ChannelHandlerContext) {
    self.fault = self.fault ?? fault
    isClosing = true
    context.close(mode: .all, promise: nil)
  }
}

/// Cuts the byte stream into frames: a big-endian u32 length, then as many bytes.
struct FrameDecoder: ByteToMessageDecoder {
  typealias InboundOut = ByteBuffer

  struct Oversized: Error {
    var length: Int
  }

  mutating func decode(
    context: ChannelHandlerContext, buffer: inout ByteBuffer
  ) throws -> DecodingState {
    guard let field = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else {
      return .needMoreData
    }
    let length = Int(field)
    guard length <= LinkLimit.frameBytes else { throw Oversized(length: length) }
    guard buffer.readableBytes >= 4 + length else { return .needMoreData }
    buffer.moveReaderIndex(forwardBy: 4)
    guard let frame = buffer.readSlice(length: length) else { return .needMoreData }
    context.fireChannelRead(wrapInboundOut(frame))
    return .continue
  }

  mutating func decodeLast(
    context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
  ) throws -> DecodingState {
    try decode(context: context, buffer: &buffer)
  }
}
