import Analysis
import Detection
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
  }

  /// A pipeline for a capture of this name.
  func pipeline(capture: String) -> DetectionPipeline {
    DetectionPipeline(sink: sink(capture: capture), context: context, seed: seed)
  }

  func sink(capture: String) -> ReportSink {
    ReportSink(monitor: monitor, tier: .local, exercise: exercise, capture: capture)
  }
}
