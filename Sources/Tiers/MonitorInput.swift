import Links
import Monitoring
import Reports
import Terms

/// Everything that reaches a monitor's loop from other threads.
enum MonitorInput: Sendable {
  /// From the listening side, and from the dialling side.
  case server(LinkTransportEvent)
  case client(LinkTransportEvent)
  case piece(LaneName, LocalPiece, CaptureFigures)
  case tick
  /// Answers an operator.
  case reply(ConnectionID, LinkMessage)
  case log(NodeLogEntry)
  case stop
}

/// What a capture loop has seen so far.
public struct CaptureFigures: Sendable, Hashable {
  public var packets: UInt64 = 0
  public var bytes: UInt64 = 0
  /// Loss counters, such as `capture.kernel-dropped`.
  public var losses: [String: UInt64] = [:]

  public init() {}
}
