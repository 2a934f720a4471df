/// The place of an event among those of the same time: what is due at an instant comes before the
/// packets of that instant, and packets come in the order of the capture.
///
/// It depends on packets alone, not on where flows lie in memory, so that several engines that share
/// the flows make the same events in the same order as one.
struct EventOrder: BitwiseCopyable, Comparable {
  /// What happens at one instant, in this order.
  enum Stage: UInt64 {
    case answer, progress, sweep, tick, packet, end
  }

  let bits: UInt64

  /// - Parameters:
  ///   - packet: the packet at hand; for timeouts, the one that they began to run at.
  ///   - isQuoted: it is about a flow that the packet only quotes.
  @inline(__always) init(_ stage: Stage, packet: UInt64, isQuoted: Bool = false) {
    bits = stage.rawValue &<< 61 | (packet & (1 &<< 60 &- 1)) &<< 1 | (isQuoted ? 1 : 0)
  }

  @inline(__always) static func < (left: Self, right: Self) -> Bool { left.bits < right.bits }
}
