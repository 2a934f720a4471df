import Packets
import Terms

/// Stands between a TCP stream and its session parser when an inspector wants to read too: the
/// stream is given up only when neither wants more.
final class InspectedParser: SessionParser {
  /// Nil once it wants no more.
  @exclusivity(unchecked) private var inner: SessionParser? {
    didSet { lent = inner.map { Unmanaged.passUnretained($0) } }
  }
  /// The same, lent for a call: nobody counts references to it for each segment. It is held by
  /// `inner`, which changes only between its calls.
  @exclusivity(unchecked) private var lent: Unmanaged<SessionParser>?
  private let inspector: TrafficInspector
  private let place: Int
  @exclusivity(unchecked) private var inspects = true

  init(_ inner: SessionParser, _ inspector: TrafficInspector, place: Int) {
    self.inner = inner
    lent = Unmanaged.passUnretained(inner)
    self.inspector = inspector
    self.place = place
    super.init(inner.kind)
  }

  override var held: Int { lent?._withUnsafeGuaranteedRef { $0.held } ?? 0 }

  override func feed(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    if let lent {
      follow(lent, lent._withUnsafeGuaranteedRef { $0.feed(bytes, direction, &output) })
    }
    if inspects {
      inspects = inspector.stream(
        bytes, place: place, isFromClient: direction == .out, kind: kind,
        index: output.scene.packet, time: output.scene.time)
    }
    return lent != nil || inspects
  }

  override func skip(
    _ count: UInt64, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    if let lent {
      follow(lent, lent._withUnsafeGuaranteedRef { $0.skip(count, direction, &output) })
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
  private func follow(_ parser: Unmanaged<SessionParser>, _ wantsMore: Bool) {
    if wantsMore {
      parser._withUnsafeGuaranteedRef {
        kind = $0.kind
        nextTick = $0.nextTick
      }
      return
    }
    let parser = parser.takeUnretainedValue()
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
