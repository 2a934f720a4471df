import Reports
import Terms

/// A scenario file: captures for the monitors of a topology, and what must come of them.
///
/// Made by `Scenario.load`; free of faults then.
public struct Scenario: Sendable, Hashable {
  public var name: String
  /// The scenario file; empty for a scenario made by hand.
  public var path: String
  /// The topology file, resolved against the scenario file.
  public var topologyPath: String
  /// At most one per local monitor, by monitor name; a monitor without one watches a silent
  /// segment.
  public var captures: [ScenarioCapture]
  public var speed: ReplaySpeed
  public var expectations: [Expectation]

  public init(
    name: String, path: String = "", topologyPath: String, captures: [ScenarioCapture],
    speed: ReplaySpeed = .unlimited, expectations: [Expectation] = []
  ) {
    self.name = name
    self.path = path
    self.topologyPath = topologyPath
    self.captures = captures.sorted { $0.monitor < $1.monitor }
    self.speed = speed
    self.expectations = expectations
  }

  public func capture(of monitor: MonitorName) -> ScenarioCapture? {
    captures.first { $0.monitor == monitor }
  }
}

/// The packets of one local monitor.
public struct ScenarioCapture: Sendable, Hashable {
  public var monitor: MonitorName
  /// A pcap or pcapng file, plain or compressed with gzip or zstd, resolved against the scenario
  /// file.
  public var path: String
  /// Added to the time of every packet; may be negative.
  public var offset: TimeSpan

  public init(monitor: MonitorName, path: String, offset: TimeSpan = .zero) {
    self.monitor = monitor
    self.path = path
    self.offset = offset
  }
}

/// How fast event time passes in a replay; it never changes what is reported.
public enum ReplaySpeed: Sendable, Hashable, CustomStringConvertible {
  /// As fast as the monitors can.
  case unlimited
  /// So many seconds of event time per second of the host.
  case times(Double)

  /// Parses `max`, `1x`, `10x`, `0.5x`; nil for anything else.
  public init?(_ text: some StringProtocol) {
    if text == "max" {
      self = .unlimited
      return
    }
    guard text.hasSuffix("x"), text.first?.isNumber == true,
      let factor = Double(text.dropLast()), factor.isFinite, factor > 0
    else { return nil }
    self = .times(factor)
  }

  /// Event seconds per second; nil for as fast as possible.
  public var factor: Double? {
    if case .times(let factor) = self { factor } else { nil }
  }

  public var description: String {
    switch self {
    case .unlimited: "max"
    case .times(let factor): "\(Figures.short(factor))x"
    }
  }
}
