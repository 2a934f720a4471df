/// One direction of a TCP conversation: what was delivered, and what waits for lost bytes.
struct SegmentStream {
  struct Segment {
    var sequence: UInt32
    var bytes: [UInt8]
    /// Bytes by the length fields: more than `bytes` where a snap length cut the frame.
    var stated: Int
    var end: UInt32 { sequence &+ UInt32(truncatingIfNeeded: stated) }
  }

  /// Delivered bytes that are remembered to be compared with retransmissions.
  static let historyLength = 1024
  /// Segments farther than this from the expected place are none of this conversation's, in bytes:
  /// beyond the usual windows.
  static let window: Int32 = 1 << 22
  /// Bytes of one direction that may wait: few conversations must not fill the room of all.
  static let waitingLimit = 1 << 17
  /// So many of them in a row show that it was the monitor who lost track.
  static let strayLimit = 8

  /// The sequence number expected next.
  var next: UInt32 = 0
  var isStarted = false
  /// Bytes delivered or skipped so far.
  var offset: UInt64 = 0
  /// Bytes of the newest delivered that lie in the history.
  var remembered = 0
  /// By sequence number, without overlap.
  var waiting: [Segment] = []
  /// When the first of them came, in nanoseconds.
  var waitsSince: Int64 = 0
  var strays = 0
  /// Where the newest of them ended.
  var strayEnd: UInt32 = 0
  /// The receiver acknowledged something since segments wait or stray: it shows what it has, so
  /// nothing need be guessed.
  var isAcknowledged = false
  /// The VLAN of the conversation; -1 before its first segment.
  var vlan: Int32 = -1
  /// Sequence number of an urgent byte that is yet to come.
  var urgent: UInt32?

  /// Acknowledgements would tell what to do with segments that wait or stray.
  @inline(__always) var waitsForPeer: Bool { !waiting.isEmpty || strays > 0 }

  /// Bytes held.
  var held: Int { waiting.reduce(0) { $0 + $1.bytes.count } }

  @inline(__always) func distance(to sequence: UInt32) -> Int32 {
    Int32(bitPattern: sequence &- next)
  }

  mutating func start(at sequence: UInt32) {
    next = sequence
    isStarted = true
  }

  /// Bytes that two neighbours may have to become one.
  private static let joinLimit = 1 << 14

  /// Keeps a segment beyond the expected place, as far as nothing waits there already: what came
  /// first counts.
  ///
  /// - Returns: where it contradicts what waits: offset into `bytes`, and the bytes before.
  mutating func keep(
    _ bytes: UnsafeRawBufferPointer, sequence: UInt32, stated: Int
  ) -> (offset: Int, before: ArraySlice<UInt8>)? {
    var conflict: (Int, ArraySlice<UInt8>)?
    var start = 0
    var place = 0
    while place < waiting.count, start < stated {
      let other = waiting[place]
      let from = Int(Int32(bitPattern: other.sequence &- sequence))
      let to = from + other.stated
      if to <= start {
        place += 1
        continue
      }
      if from >= stated { break }
      if from > start {
        insert(bytes, sequence: sequence, from: start, to: min(from, stated), at: place)
        place += 1
      }
      if conflict == nil, let at = other.difference(from: bytes, shiftedBy: from) {
        conflict = (at, other.bytes[(at - from)...])
      }
      start = max(start, to)
      place += 1
    }
    if start < stated { insert(bytes, sequence: sequence, from: start, to: stated, at: place) }
    return conflict
  }

  private mutating func insert(
    _ bytes: UnsafeRawBufferPointer, sequence: UInt32, from: Int, to: Int, at place: Int
  ) {
    let captured = bytes[min(from, bytes.count)..<min(to, bytes.count)]
    let segment = Segment(
      sequence: sequence &+ UInt32(truncatingIfNeeded: from), bytes: Array(captured),
      stated: to - from)
    waiting.insert(segment, at: place)
  }

  /// Makes one of neighbours without a hole between them, so that conversations in tiny pieces, or
  /// backwards, do not run into the limit of segments.
  mutating func joinNeighbours() {
    var place = waiting.count - 1
    while place > 0 {
      let first = waiting[place - 1]
      let second = waiting[place]
      if first.end == second.sequence, first.bytes.count == first.stated,
        first.stated + second.stated <= Self.joinLimit
      {
        waiting[place - 1].stated += second.stated
        waiting[place - 1].bytes += second.bytes
        waiting.remove(at: place)
      }
      place -= 1
    }
  }
}

extension SegmentStream.Segment {
  /// The first place in `other` that differs from this segment, which begins `shift` bytes into it.
  fileprivate func difference(from other: UnsafeRawBufferPointer, shiftedBy shift: Int) -> Int? {
    var at = max(shift, 0)
    let end = min(other.count, shift + bytes.count)
    while at < end {
      if other[at] != bytes[at - shift] { return at }
      at += 1
    }
    return nil
  }
}
