import Packets
import Terms

/// Payload to session events: TCP by reassembly, UDP datagram by datagram, and only for flows that
/// a parser still wants to read.
struct SessionTable: ~Copyable {
  let limits: SessionLimits
  /// One for each place of the flow table.
  let marks: UnsafeMutablePointer<SessionMark>
  private let markCount: Int
  var output = SessionOutput()
  var statistics = SessionStatistics()

  init(limits: SessionLimits, flows: Int) {
    self.limits = limits
    markCount = flows
    marks = LazyPages.allocate(SessionMark.self, count: flows)
  }

  deinit { LazyPages.free(marks, count: markCount) }

  /// Takes in a packet of a flow that is not dismissed: payload, or an acknowledgement when
  /// segments wait.
  mutating func take(
    _ place: Int, _ direction: FlowDirection, _ packet: borrowing Packet,
    _ payload: UnsafeRawBufferPointer, _ flow: UnsafePointer<Flow>,
    _ record: UnsafePointer<FlowRecord>
  ) {
    output.enter(SessionScene(flow, record, packet))
    guard !marks[place].hasSample(direction) else { return }
    marks[place].noteSample(direction)
    var sample = PayloadSample()
    sample.isFromClient = direction == .out
    sample.bytes = Array(payload.prefix(PayloadSample.limit))
    output.tell(.payload(sample))
  }

  /// The flow at `place` is over.
  mutating func close(
    _ place: Int, _ flow: UnsafePointer<Flow>, _ record: UnsafePointer<FlowRecord>,
    packet: UInt64, at time: CaptureTime
  ) {
    marks[place] = .dismissed(.unknown)
  }

  /// Event time passes; called at whole seconds.
  mutating func sweep(at time: CaptureTime) {}
}
