import Analysis
import Detection
import Foundation
import Hierarchy
import Monitoring
import Reports
import Signatures
import Terms

/// What a detection pipeline of one local monitor is told.
public struct PipelineSetup: Sendable {
  public var monitor: MonitorName
  public var context: DetectionContext
  public var exercise: String?
  /// Threads that share the work; 1 for the caller's alone.
  public var workers = 1
  /// Keys the flow table. The fixed default makes replays reproducible; a live capture draws its
  /// own, so that nobody can aim at one bucket.
  public var seed: UInt64?

  /// No topology: one segment, nothing known of it.
  public init(monitor: MonitorName, context: DetectionContext = DetectionContext()) {
    self.monitor = monitor
    self.context = context
  }

  public init(topology: Topology, monitor name: MonitorName, lane: LaneName = .live) {
    monitor = name
    exercise = lane.exercise
    let segmentName = topology.monitor(name)?.segment ?? ""
    let segment = topology.segment(segmentName)
    context = DetectionContext(
      limits: topology.limits(for: name), segment: segmentName, prefixes: segment?.prefixes ?? [],
      gateways: segment?.gateways ?? [], home: topology.homePrefixes)
    context.dhcp = segment?.dhcp ?? []
    context.siteDHCP = topology.segments.flatMap(\.dhcp)
    context.nameServers = topology.segments.flatMap(\.dns)
  }

  init(_ settings: MonitorSettings, lane: LaneName) {
    self.init(topology: settings.topology, monitor: settings.monitor, lane: lane)
    context.signatures = settings.signatures
    workers = Self.workers(settings.workers ?? context.limits.count(DetectionPipeline.workers))
  }

  /// As many as asked for; for 0 one per processor, four at most: the caller's thread, which reads
  /// and decodes, keeps no more of them busy.
  static func workers(_ wanted: Int) -> Int {
    guard wanted == 0 else { return min(wanted, DetectionPipeline.workerLimit) }
    return min(max(ProcessInfo.processInfo.activeProcessorCount, 1), 4)
  }

  /// A pipeline for a capture of this name.
  func pipeline(capture: String) -> DetectionPipeline {
    DetectionPipeline(
      sink: sink(capture: capture), context: context, workers: workers, seed: seed)
  }

  func sink(capture: String) -> ReportSink {
    ReportSink(monitor: monitor, tier: .local, exercise: exercise, capture: capture)
  }
}
