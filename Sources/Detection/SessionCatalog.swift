import Analysis
import Flows
import Terms

/// The one list of detectors that read sessions, beside `DetectorCatalog`.
public enum SessionCatalog {
  /// Fresh engines for one segment.
  public static func engines(
    _ context: DetectionContext
  ) -> [any AnalysisEngine<SessionEvent>] {
    []
  }

  /// All limits of these engines, in their order.
  public static let limits: [EngineLimit] = []
}

extension SessionEvent: TimedEvent {
  public var eventTime: CaptureTime { time }
}
