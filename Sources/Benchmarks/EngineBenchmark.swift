import Analysis
import Capture
import Detection
import Flows
import Glibc
import Reports
import Terms

/// What each detector costs by itself: the events of one capture are made once and given to one
/// engine after the other.
enum EngineBenchmark {
  /// Packets read of a capture: their events stay in memory.
  private static let packetLimit = 1_000_000
  private static let rounds = 3

  /// The events of a capture, in order.
  private struct Events {
    var packets = 0
    var flows: [FlowEvent] = []
    var sessions: [SessionEvent] = []

    mutating func drain(_ engine: inout FlowEngine) {
      flows += Array(engine.events)
      sessions += engine.sessionEvents
      engine.clearEvents()
      engine.clearSessionEvents()
    }
  }

  /// Measures on the capture at `path`, or on generated packets of minimum size.
  static func run(path: String?) throws {
    guard let path else {
      let generated = "/tmp/beryl-bench-\(getpid()).pcap"
      defer { unlink(generated) }
      guard MinimumPackets.write(to: generated, count: packetLimit) else {
        throw ChildProcess.Fault.failed("cannot write \(generated)")
      }
      return try run(path: generated)
    }
    let events = try read(path)
    let context = DetectionContext()
    var rows =
      DetectorCatalog.engines(context).map { measure($0, events.flows, events.packets) }
      + SessionCatalog.engines(context).map { measure($0, events.sessions, events.packets) }
      + ProfileCatalog.engines(context).map { measure($0, events.flows, events.packets) }
    rows.sort { $0.cpuSeconds > $1.cpuSeconds }
    let total = rows.reduce(0) { $0 + $1.cpuSeconds }
    rows.insert(
      Measurement(
        name: "all engines", items: events.packets, unit: "packet", cpuSeconds: total), at: 0)
    print(MeasurementTable(title: path, rows: rows).text)
    print("\(events.flows.count) flow events, \(events.sessions.count) session events")
  }

  /// The best of some runs, each with a fresh copy of the engine.
  private static func measure<Event: TimedEvent>(
    _ engine: any AnalysisEngine<Event>, _ events: [Event], _ packets: Int
  ) -> Measurement {
    let name = "\(type(of: engine))"
    guard let monitor = MonitorName("bench") else {
      return Measurement(name: name, items: packets, unit: "packet", cpuSeconds: 0)
    }
    let runs = (0..<rounds).map { _ in
      var group = EngineGroup([engine])
      var sink = ReportSink(monitor: monitor, tier: .local, capture: "bench")
      return Measurement.taking(name) {
        events.withUnsafeBufferPointer { group.take($0, into: &sink) }
        group.runDeadlines(through: .distantFuture, into: &sink)
        return packets
      }
    }
    return Measurement(of: runs)
  }

  private static func read(_ path: String) throws -> Events {
    var file = try CaptureFile(path: path)
    var flows = FlowEngine()
    var events = Events()
    while events.packets < packetLimit {
      let count = try file.read(atMost: 512) { frame in
        flows.take(
          frame.bytes, linkType: frame.linkType, wireLength: frame.wireLength, time: frame.time)
      }
      guard count > 0 else { break }
      events.packets += count
      events.drain(&flows)
    }
    flows.finish()
    events.drain(&flows)
    return events
  }
}
