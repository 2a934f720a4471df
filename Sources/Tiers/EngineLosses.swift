import Detection
import Terms

/// What a pipeline's engines turned away, asked for at most once a second of event time: to ask
/// costs as much as many packets, and with several workers it waits for all of them.
struct EngineLosses {
  static let spacing = TimeSpan.seconds(1)

  private var asked = CaptureTime.distantPast

  /// Brings the counter up to date where that is due, or the capture has ended.
  mutating func update(
    _ losses: inout [String: UInt64], of pipeline: borrowing DetectionPipeline, hasEnded: Bool
  ) {
    guard hasEnded || pipeline.time - asked >= Self.spacing else { return }
    asked = pipeline.time
    let refused = pipeline.losses
    if refused > 0 { losses["detectors.refused"] = refused }
  }
}
