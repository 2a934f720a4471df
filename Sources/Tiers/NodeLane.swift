import Links
import Monitoring
import Reports
import Terms

/// One lane of a node: at the local tier what its engines gave, above it correlation; and the way
/// out.
struct NodeLane: Sendable {
  /// nil at the local tier.
  var correlation: CorrelationLane?
  /// What peers and this monitor see together; nil where no peer reports.
  var council: CouncilLane?
  var output: LaneOutput
  /// Nothing this monitor produces later is emitted at or before this.
  var watermark = CaptureTime.distantPast
  var received: UInt64 = 0
  /// The operator's connection that began the drill; its end ends the drill.
  var owner: ConnectionID?
  /// Estimated encoded bytes sent up, and to each peer.
  var sentBytes: UInt64 = 0
  var sentToPeers: [MonitorName: UInt64] = [:]

  init(
    correlation: CorrelationLane?, council: CorrelationLane? = nil, output: LaneOutput
  ) {
    self.correlation = correlation
    self.council = council.map { CouncilLane($0) }
    self.output = output
  }

  /// What correlation has to say by now; the lane's watermark follows.
  mutating func process() -> [Report] {
    guard var lane = correlation else { return [] }
    correlation = nil
    let reports = lane.process()
    watermark = max(watermark, lane.watermark)
    correlation = lane
    return reports
  }
}
