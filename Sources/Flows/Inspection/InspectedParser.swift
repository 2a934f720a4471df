import Packets
import Terms

/// Stands between a TCP stream and its session parser when an inspector wants to read too: the
/// stream is given up only when neither wants more.
final class InspectedParser: SessionParser {
  /// Nil once it wants no more.
  @exclusivity(unchecked) private var inner: SessionParser?
  private let inspector: TrafficInspector
  private let place: Int
  @exclusivity(unchecked) private var inspects = true

  init(_ inner: SessionParser, _ inspector: TrafficInspector, place: Int) {
    self.inner = inner
    self.inspector = inspector
    self.place = place
    super.init(inner.kind)
  }

  override var held: Int { inner?.held ?? 0 }

  override func feed(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    if let parser = inner {
      let wantsMore = parser.feed(bytes, direction, &output)
      follow(parser, wantsMore)
    }
    if inspects {
      inspects = inspector.stream(
        bytes, place: place, isFromClient: direction == .out, kind: kind,
        index: output.scene.packet, time: output.scene.time)
    }
    return inner != nil || inspects
  }

  override func skip(
    _ count: UInt64, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    if let parser = inner {
      let wantsMore = parser.skip(count, direction, &output)
      follow(parser, wantsMore)
    }
    if inspects { inspector.lost(count, place: place, isFromClient: direction == .out) }
    return inner != nil || inspects
  }

  override func finish(_ output: inout SessionOutput) {
    inner?.finish(&output)
    inner = nil
  }

  override func tick(_ output: inout SessionOutput) {
    inner?.tick(&output)
    nextTick = inner?.nextTick ?? .max
  }

  /// Goes on with the parser that the identification found, or without one.
  private func follow(_ parser: SessionParser, _ wantsMore: Bool) {
    if wantsMore {
      kind = parser.kind
      nextTick = parser.nextTick
      return
    }
    var current = parser
    var goesOn = false
    if let next = (parser as? Identification)?.successor {
      current = next.parser
      goesOn = next.wantsMore
    }
    kind = current.kind
    inner = goesOn ? current : nil
    nextTick = inner?.nextTick ?? .max
  }
}
