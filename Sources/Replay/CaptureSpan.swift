import Capture
import Scenarios
import Terms

/// How much a capture holds, and of when.
public struct CaptureSpan: Sendable {
  public var packets: UInt64 = 0
  /// Bytes on the wire.
  public var bytes: UInt64 = 0
  /// Times of the first and last packet, offset included; `distantFuture` and `distantPast` when
  /// there is none.
  public var first = CaptureTime.distantFuture
  public var last = CaptureTime.distantPast
  /// Why the capture ends before its time, if it does.
  public var fault: CaptureFault?

  public init() {}

  /// Reads the headers of a capture; throws when it cannot be opened at all.
  public init(_ capture: ScenarioCapture) throws(CaptureFault) {
    var file = try CaptureFile(path: capture.path)
    var span = CaptureSpan()
    do throws(CaptureFault) {
      var count = 1
      while count > 0 {
        count = try file.read(atMost: 4096) { frame in
          span.packets += 1
          span.bytes += UInt64(frame.wireLength)
          span.first = min(span.first, frame.time + capture.offset)
          span.last = max(span.last, frame.time + capture.offset)
        }
      }
    } catch {
      span.fault = error
    }
    self = span
  }

  /// All captures of a scenario together.
  public init(_ scenario: Scenario) throws(CaptureFault) {
    self.init()
    for capture in scenario.captures {
      let part = try CaptureSpan(capture)
      packets += part.packets
      bytes += part.bytes
      first = min(first, part.first)
      last = max(last, part.last)
      fault = fault ?? part.fault
    }
    if first > last { (first, last) = (CaptureTime(nanoseconds: 0), CaptureTime(nanoseconds: 0)) }
  }
}
