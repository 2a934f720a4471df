import Dispatch
import Links
import Monitoring
import Reports
import Synchronization
import Terms

/// One child of the monitor under test, over a real link: it tells a few reports ten times a second,
/// or as many as it can.
final class FloodChild: Sendable {
  /// Batches that a hostile child has under way: as many as a link allows, since one that ignores its
  /// window is cut off as soon as its parent makes it wait.
  private static let hostileDepth = LinkLimit.window

  private struct State {
    var client: LinkClient?
    var connection: ConnectionID?
    var isLinked = false
    var sent: UInt64 = 0
    var acknowledged: UInt64 = 0
    /// When each batch under way was sent, oldest first.
    var underWay: [(through: UInt64, at: UInt64)] = []
    var delays: [Double] = []
    var fault: String?
  }

  let name: MonitorName
  private let hello: Hello
  private let port: Int
  private let total: UInt64
  private let state = Mutex(State())

  /// - Parameter total: reports of a hostile child; 0 for an honest one, which ends with the test.
  init(name: MonitorName, schema: Schema, port: Int, total: UInt64 = 0) {
    self.name = name
    self.port = port
    self.total = total
    hello = Hello(
      monitor: name, tier: .local, schemaDigest: schema.digest, kindDigests: schema.kindDigests)
  }

  func connect(pki folder: String) throws {
    let client = try LinkClient(
      credentials: try LinkCredentials.load(directory: folder, name: name.text)
    ) { [weak self] in self?.take($0) }
    state.withLock { state in
      state.client = client
      dial(&state)
    }
  }

  var isLinked: Bool { state.withLock { $0.isLinked } }
  var isDone: Bool { state.withLock { $0.fault != nil || $0.acknowledged >= total } }
  var sent: UInt64 { state.withLock { $0.sent } }
  var fault: String? { state.withLock { $0.fault } }
  /// Host seconds from each batch to its acknowledgement, sorted.
  var delays: [Double] { state.withLock { $0.delays.sorted() } }

  func redial() { state.withLock { if !$0.isLinked { dial(&$0) } } }

  private func dial(_ state: inout State) {
    guard let monitor = MonitorName("acme") else { return }
    state.connection = state.client?.dial(
      host: "127.0.0.1", port: port, expecting: .monitor(monitor))
  }

  private func take(_ event: LinkTransportEvent) {
    state.withLock { state in
      switch event {
      case .opened(let id, _): state.client?.send(.hello(hello), on: id)
      case .received(_, .welcome):
        state.isLinked = true
        flood(&state)
      case .received(_, .acknowledgement(_, let through)):
        acknowledge(through, &state)
        flood(&state)
      case .received(_, .refusal(let refusal)): state.fault = "\(refusal)"
      case .received: break
      case .closed(_, let fault):
        if state.isLinked { state.fault = state.fault ?? "\(fault)" }
      }
    }
  }

  private func acknowledge(_ through: UInt64, _ state: inout State) {
    state.acknowledged = max(state.acknowledged, through)
    let now = DispatchTime.now().uptimeNanoseconds
    while let first = state.underWay.first, first.through <= through {
      state.delays.append(Double(now - first.at) / 1e9)
      state.underWay.removeFirst()
    }
  }

  /// A hostile child sends whenever it may.
  private func flood(_ state: inout State) {
    guard total > 0, state.isLinked else { return }
    while state.sent < total, state.underWay.count < Self.hostileDepth {
      send(min(UInt64(LinkLimit.batchReports), total - state.sent), &state)
    }
  }

  /// An honest child's turn: `count` reports, and a promise.
  func tell(_ count: Int) {
    state.withLock { state in
      guard state.isLinked else { return }
      if count > 0 { send(UInt64(count), &state) }
    }
  }

  /// A promise alone.
  func promise() {
    state.withLock { state in
      guard state.isLinked, let id = state.connection else { return }
      state.client?.send(.heartbeat(Heartbeat(watermarks: [.live: FloodBenchmark.now()])), on: id)
    }
  }

  private func send(_ count: UInt64, _ state: inout State) {
    guard let id = state.connection else { return }
    let time = FloodBenchmark.now()
    let entries = (1...count).map { offset in
      SequencedReport(
        sequence: state.sent + offset, report: report(state.sent + offset, time))
    }
    state.sent += count
    state.underWay.append((state.sent, DispatchTime.now().uptimeNanoseconds))
    let batch = Batch(lane: .live, entries: entries, through: state.sent, watermark: time)
    state.client?.send(.batch(batch), on: id)
  }

  private func report(_ number: UInt64, _ time: CaptureTime) -> Report {
    var report = Report(
      id: ReportID(high: UInt64(name.text.utf8.last ?? 0), low: number), kind: .portScan,
      reportClass: .detection, monitor: name, tier: .local, first: time, last: time, raised: time,
      emitted: time, severity: 5, confidence: 0.9)
    let source = UInt32(truncatingIfNeeded: number &* 0x9e37_79b1)
    report.sources = AddressSet([IPAddress(v4: 0x4000_0000 | source >> 2)])
    // Whoever forges reports forges their targets as well.
    report.targets = AddressSet([IPAddress(v4: 0x0a00_0000 | source & 0xff_ffff)])
    report.ports = [22, 80, 443, 8080]
    report.transport = .tcp
    report.attributes = ["technique": .text("syn"), "shape": .text("vertical")]
    report.evidence = [Evidence(monitor: name, capture: "a.pcap", packets: [number])]
    report.terms = [Term("failures", 120, threshold: 15, unit: "ports")]
    report.coverage.segments = [name.text]
    return report
  }

  func stop() async {
    let client = state.withLock { $0.client }
    await client?.stop()
  }
}
