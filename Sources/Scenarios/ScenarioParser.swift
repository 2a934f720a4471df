import Hierarchy
import Reports
import Terms

/// Reads the values of a scenario file, noting every fault.
struct ScenarioParser {
  private static let keys = [
    "scenario", "description", "topology", "captures", "offsets", "speed", "expect", "forbid",
  ]

  let path: String
  private let knownLimits: [EngineLimit]
  var log: FaultLog
  /// The faults that only scenarios have, and those of the topology.
  private var own: [ScenarioFault] = []
  private(set) var topology: Topology?

  init(path: String, log: FaultLog, knownLimits: [EngineLimit]) {
    self.path = path
    self.log = log
    self.knownLimits = knownLimits
  }

  /// The scenario's faults by place, then the topology's.
  var faults: [ScenarioFault] {
    let here = log.sorted.map { ScenarioFault($0) } + own.filter { $0.file == path }
    let sorted = here.enumerated().sorted {
      ($0.element.line, $0.element.column, $0.offset)
        < ($1.element.line, $1.element.column, $1.offset)
    }
    return sorted.map(\.element) + own.filter { $0.file != path }
  }

  mutating func add(
    _ position: Position, _ kind: ScenarioFault.Kind, wrong name: String = "",
    among candidates: [String] = []
  ) {
    own.append(
      ScenarioFault(
        file: path, line: position.line, column: position.column, kind: kind,
        suggestion: NearestName.of(name, among: candidates)))
  }

  mutating func read(_ value: YAMLValue) -> Scenario.Loaded? {
    let fields = log.fields(value, of: "scenario", keys: Self.keys)
    let name = log.required("scenario", fields).flatMap { log.scalar($0) }
    if let text = fields["description"] { _ = log.scalar(text) }
    let topologyPath = readTopology(log.required("topology", fields))
    var captures = log.required("captures", fields).map { readCaptures($0) } ?? []
    if let offsets = fields["offsets"] { readOffsets(offsets, &captures) }
    let speed = fields["speed"].flatMap { readSpeed($0) } ?? .unlimited
    var expectations: [Expectation] = []
    for (key, mode) in [("expect", Expectation.Mode.expect), ("forbid", .forbid)] {
      for item in log.items(fields[key]) {
        if let expectation = readExpectation(item, mode) { expectations.append(expectation) }
      }
    }
    guard let name, let topologyPath, let topology else { return nil }
    let scenario = Scenario(
      name: name, path: path, topologyPath: topologyPath, captures: captures, speed: speed,
      expectations: expectations)
    return Scenario.Loaded(scenario: scenario, topology: topology)
  }

  private mutating func readTopology(_ value: YAMLValue?) -> String? {
    guard let value, let text = log.scalar(value) else { return nil }
    let resolved = Scenario.resolve(text, besides: path)
    guard Scenario.isFile(resolved) else {
      add(value.position, .noFile(resolved))
      return nil
    }
    do {
      topology = try Topology.load(path: resolved, knownLimits: knownLimits)
    } catch {
      own += error.faults.map { ScenarioFault($0) }
    }
    return resolved
  }

  private mutating func readCaptures(_ value: YAMLValue) -> [ScenarioCapture] {
    let entries = log.entries(value)
    if entries.isEmpty, log.faults.isEmpty { add(value.position, .nothingToReplay) }
    var captures: [ScenarioCapture] = []
    for entry in entries {
      let monitor = localMonitor(entry.key, at: entry.keyPosition)
      guard let text = log.scalar(entry.value) else { continue }
      let resolved = Scenario.resolve(text, besides: path)
      if !Scenario.isFile(resolved) { add(entry.value.position, .noFile(resolved)) }
      if let monitor { captures.append(ScenarioCapture(monitor: monitor, path: resolved)) }
    }
    return captures
  }

  private mutating func readOffsets(_ value: YAMLValue, _ captures: inout [ScenarioCapture]) {
    for entry in log.entries(value) {
      guard let monitor = localMonitor(entry.key, at: entry.keyPosition),
        let text = log.scalar(entry.value)
      else { continue }
      let isNegative = text.hasPrefix("-")
      guard let span = Quantity.duration(text.drop { $0 == "-" }) else {
        add(entry.value.position, .notOffset(text))
        continue
      }
      guard let index = captures.firstIndex(where: { $0.monitor == monitor }) else {
        add(entry.keyPosition, .noCapture(monitor))
        continue
      }
      captures[index].offset = isNegative ? TimeSpan(nanoseconds: 0 &- span.nanoseconds) : span
    }
  }

  private mutating func readSpeed(_ value: YAMLValue) -> ReplaySpeed? {
    guard let text = log.scalar(value) else { return nil }
    guard let speed = ReplaySpeed(text) else {
      add(value.position, .notSpeed(text))
      return nil
    }
    return speed
  }

  /// A monitor of the topology; when there is none to hold it against, any name of the right form.
  mutating func monitor(_ text: String, at position: Position) -> MonitorName? {
    guard let topology else { return MonitorName(text) }
    guard let name = MonitorName(text), topology.monitor(name) != nil else {
      log.add(
        position, .unknownName(.monitor, text), wrong: text,
        among: topology.monitors.map(\.name.text))
      return nil
    }
    return name
  }

  private mutating func localMonitor(_ text: String, at position: Position) -> MonitorName? {
    guard let name = monitor(text, at: position) else { return nil }
    if let tier = topology?.monitor(name)?.tier, tier != .local {
      add(position, .notLocal(name, tier))
      return nil
    }
    return name
  }
}
