import Terms

/// Event time as packets bring it: it never goes back.
public struct ArrivalClock: Sendable {
  /// Instants beyond are clamped, so that adding any limit cannot overflow: years 1823 to 2116.
  static let bounds = -(Int64(1) << 62)...(Int64(1) << 62)

  /// A packet farther ahead of the one before, in nanoseconds, is doubted until another confirms it:
  /// one wrong time would hold back all later ones. A day.
  static let leap: Int64 = 86_400_000_000_000

  /// The time of the packet before, if it is doubted.
  private var doubted: Int64?
  /// Packets that were doubted: they were taken as if simultaneous with the one before.
  public private(set) var doubtedTimes: UInt64 = 0
  /// Nanoseconds of the newest packet; nil before the first.
  private(set) var nanoseconds: Int64?
  /// Packets whose time lay before that of an earlier one: they were taken as if simultaneous with
  /// it.
  public private(set) var clampedTimes: UInt64 = 0

  public init() {}

  public var newest: CaptureTime? { nanoseconds.map { CaptureTime(nanoseconds: $0) } }

  /// A packet's place in event time.
  @inline(__always) public mutating func arrival(_ time: CaptureTime) -> CaptureTime {
    var now = Self.bounded(time)
    if let nanoseconds {
      if now < nanoseconds {
        clampedTimes &+= 1
        now = nanoseconds
        doubted = nil
      } else if now > nanoseconds &+ Self.leap, isDoubtful(now, after: nanoseconds) {
        now = nanoseconds
      } else {
        doubted = nil
      }
    }
    nanoseconds = now
    return CaptureTime(nanoseconds: now)
  }

  /// Whether a leap from `then` to `now` is the first of its kind: the packet before was not doubted,
  /// or lies elsewhere. Packets that are all days apart confirm each other.
  private mutating func isDoubtful(_ now: Int64, after then: Int64) -> Bool {
    // Halves, so that no difference overflows.
    if let doubted, now >= doubted &- Self.leap, now / 2 - doubted / 2 <= doubted / 2 - then / 2 {
      return false
    }
    doubted = now
    doubtedTimes &+= 1
    return true
  }

  /// Time has passed without packets.
  public mutating func advance(to time: CaptureTime) {
    nanoseconds = max(nanoseconds ?? .min, Self.bounded(time))
  }

  /// A packet has its place already.
  @inline(__always) mutating func set(_ time: CaptureTime) { nanoseconds = time.nanoseconds }

  @inline(__always) private static func bounded(_ time: CaptureTime) -> Int64 {
    min(max(time.nanoseconds, bounds.lowerBound), bounds.upperBound)
  }
}
