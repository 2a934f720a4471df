/// What the session table knows of a flow, in one word beside it; zero for nothing yet.
struct SessionMark: BitwiseCopyable, Equatable {
  var bits: UInt32 = 0

  /// Nobody wants the flow's payload any more.
  private static let dismissedBit: UInt32 = 1 << 31
  /// Segments wait for a lost one, so that acknowledgements matter.
  private static let waitingBit: UInt32 = 1 << 30
  private static let datagramBit: UInt32 = 1 << 27
  private static let placeMask: UInt32 = 1 << 24 - 1

  static let none = SessionMark()

  static func session(_ place: Int) -> SessionMark {
    SessionMark(bits: UInt32(truncatingIfNeeded: place &+ 1) & placeMask)
  }

  static func dismissed(_ kind: SessionProtocol) -> SessionMark {
    SessionMark(bits: dismissedBit | UInt32(kind.rawValue))
  }

  /// A UDP flow, and what it speaks.
  static func datagrams(_ kind: SessionProtocol) -> SessionMark {
    SessionMark(bits: datagramBit | UInt32(kind.rawValue))
  }

  var datagramKind: SessionProtocol {
    SessionProtocol(rawValue: UInt8(truncatingIfNeeded: bits & 0xff)) ?? .unknown
  }

  @inline(__always) var isDismissed: Bool { bits & Self.dismissedBit != 0 }

  @inline(__always) var isWaiting: Bool {
    get { bits & Self.waitingBit != 0 }
    set { bits = newValue ? bits | Self.waitingBit : bits & ~Self.waitingBit }
  }

  /// The session's place; -1 without one.
  @inline(__always) var place: Int {
    isDismissed ? -1 : Int(bits & Self.placeMask) &- 1
  }

  /// Of a dismissed flow.
  var kind: SessionProtocol {
    SessionProtocol(rawValue: UInt8(truncatingIfNeeded: bits & 0xff)) ?? .unknown
  }

  /// Which directions of a datagram flow were sampled.
  func hasSample(_ direction: FlowDirection) -> Bool {
    bits & (direction == .out ? 1 : 2) << 28 != 0
  }

  mutating func noteSample(_ direction: FlowDirection) {
    bits |= (direction == .out ? 1 : 2) << 28
  }
}
