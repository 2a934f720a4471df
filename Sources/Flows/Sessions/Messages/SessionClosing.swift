import Terms

/// The account of a TCP conversation that carried payload.
public struct SessionClosing: Sendable, Hashable {
  public var sessionProtocol = SessionProtocol.unknown
  public var ending = FlowEvent.Ending.none
  /// Whether the handshake was seen to complete: of a connection that began before the capture, it
  /// is not known what was said first.
  public var isEstablished = false
  /// Payload bytes from client and from server, retransmissions included.
  public var bytesOut: UInt64 = 0
  public var bytesIn: UInt64 = 0
  public var duration = TimeSpan.zero

  public init() {}
}
