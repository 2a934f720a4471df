import Analysis
import Flows
import Reports
import Terms

/// Frames of a few bytes, made by hand: Ethernet, IPv4, and the beginning of what it carries.
enum TinyFrame {
  static func syn(from source: UInt32, to target: UInt32, port: UInt16, sourcePort: UInt16)
    -> [UInt8]
  {
    ip(
      from: source, to: target, 6,
      word(sourcePort) + word(port) + [0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0])
  }

  static func udp(from source: UInt32, to target: UInt32, port: UInt16) -> [UInt8] {
    ip(from: source, to: target, 17, word(4000) + word(port) + [0, 8, 0, 0])
  }

  /// A router's "host unreachable" about such a datagram.
  static func unreachable(
    from router: UInt32, to source: UInt32, about target: UInt32, port: UInt16
  ) -> [UInt8] {
    let quoted = Array(udp(from: source, to: target, port: port).dropFirst(14))
    return ip(from: router, to: source, 1, [3, 1, 0, 0, 0, 0, 0, 0] + quoted)
  }

  private static func ip(
    from source: UInt32, to target: UInt32, _ transport: UInt8, _ body: [UInt8]
  ) -> [UInt8] {
    [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0] + word(UInt16(20 + body.count))
      + [0, 0, 0x40, 0, 64, transport, 0, 0] + word(UInt16(source >> 16))
      + word(UInt16(truncatingIfNeeded: source)) + word(UInt16(target >> 16))
      + word(UInt16(truncatingIfNeeded: target)) + body
  }

  private static func word(_ value: UInt16) -> [UInt8] {
    [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)]
  }
}

/// Reports every refused UDP flow.
struct RefusalCounter: AnalysisEngine {
  var nextDeadline: CaptureTime { .distantFuture }

  mutating func analyse(_ event: FlowEvent, into sink: inout ReportSink) {
    guard event.kind == .refused, event.transport == .udp else { return }
    sink.emit(
      sink.opening(
        .portScan, subject: "\(event.target)", first: event.time, last: event.time,
        at: event.time, severity: 1, confidence: 1))
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {}
}
