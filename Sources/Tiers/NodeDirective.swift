import Links
import Monitoring
import Reports
import Terms

/// What a `MonitorNode` wants done. The stores of one `takeDirectives()` are one transaction,
/// committed before any of its other directives is obeyed; those are obeyed in order.
public enum NodeDirective: Sendable {
  case storeProduced([ProducedReport], LaneName)
  case storeReceived(
    [SequencedReport], from: MonitorName, LaneName, through: UInt64, watermark: CaptureTime,
    reached: CaptureTime)
  /// Keep the state of a lane: it holds everything that the directives before this one store.
  case storeCheckpoint(LaneName, [UInt8])
  case storeAcknowledged(LaneName, through: UInt64)
  case release(LaneName)
  /// Read own reports that wait for a parent, or for `peer`; answer with `MonitorNode.loaded`.
  case load(LaneName, after: UInt64, limit: Int, peer: MonitorName?)
  /// Connect to a parent or peer; so with the next two.
  case dial(MonitorName)
  case sendUp(LinkMessage, to: MonitorName)
  case closeUp(MonitorName, reason: String)
  case sendDown(LinkMessage, to: ConnectionID)
  case closeDown(ConnectionID, reason: String)
  /// A drill's message for the capture side of a local monitor; answer the operator with one
  /// `controlReply`.
  case drill(LinkMessage, for: ConnectionID)
  /// Stop analysing a drill's capture and forget it.
  case drillOver(LaneName)
  /// Read own reports for an operator; answer with one `reportsReply`, as the next.
  case fetch(ReportsRequest, for: ConnectionID)
  /// Read these reports, own or received.
  case lookUp([ReportID], for: ConnectionID)
  case log(NodeLogEntry)

  /// Whether the directive changes the store.
  public var changesStore: Bool {
    switch self {
    case .storeProduced, .storeReceived, .storeCheckpoint, .storeAcknowledged, .release: true
    default: false
    }
  }
}

/// One state change, for the log.
public struct NodeLogEntry: Sendable, Hashable {
  public enum Level: Sendable, Hashable { case info, warning }

  public var level: Level
  public var text: String
  public var fields: [String: String]

  public init(_ level: Level, _ text: String, _ fields: [String: String] = [:]) {
    self.level = level
    self.text = text
    self.fields = fields
  }
}
