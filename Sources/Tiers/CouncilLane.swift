import Monitoring
import Reports
import Terms

/// Where a monitor without parents joins what it concludes with what its peers conclude: each does
/// for itself what the tier above would do for all.
///
/// Peers exchange what they conclude from their own children only, never what a council concludes:
/// so nothing goes round in circles, and no peer's event time waits for its own.
struct CouncilLane: Sendable {
  private var lane: CorrelationLane

  init(_ lane: CorrelationLane) { self.lane = lane }

  var watermark: CaptureTime { lane.watermark }
  var lateCount: UInt64 { lane.lateCount }

  func watermark(of member: MonitorName) -> CaptureTime? { lane.watermark(of: member) }

  mutating func receive(_ report: Report, reached: CaptureTime = .distantPast) {
    lane.receive(report, reached: reached)
  }

  func state() throws -> [UInt8] { try lane.state() }

  mutating func restore(_ bytes: [UInt8]) throws { try lane.restore(bytes) }

  mutating func setWatermark(_ time: CaptureTime, of member: MonitorName) {
    lane.setWatermark(time, of: member)
  }

  mutating func setAlive(
    _ isAlive: Bool, _ member: MonitorName, because silence: Silence = .lease
  ) {
    lane.setAlive(isAlive, child: member, because: silence)
  }

  func holders(lag: TimeSpan) -> [MonitorName: CaptureTime] { lane.holders(lag: lag) }

  mutating func note(
    _ misconduct: Misconduct, by member: MonitorName, at time: CaptureTime, count: UInt64,
    taken: UInt64, reason: String
  ) {
    lane.note(misconduct, by: member, at: time, count: count, taken: taken, reason: reason)
  }

  func isAhead(_ member: MonitorName, _ limits: IntakeLimits) -> Bool {
    lane.isAhead(member, limits)
  }

  func isOverfull(_ member: MonitorName, _ limits: IntakeLimits) -> Bool {
    lane.isOverfull(member, limits)
  }

  /// What the council has to say by now.
  mutating func process() -> [Report] { lane.process() }
}
