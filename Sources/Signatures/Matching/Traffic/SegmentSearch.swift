import Glibc
import Terms

/// What was found in the newest packet of a TCP stream and in the end of what came before it, so that
/// the stream, which takes up the same bytes a moment later, need not be searched for them again.
///
/// A content that begins in what came before makes a candidate for the packet too: no harm, since a
/// rule's whole content is looked for before it answers.
struct SegmentSearch {
  /// The contents of a scan point, and those of its banks for a protocol, a source and a destination
  /// port.
  enum Part: Int, CaseIterable {
    case point, application, source, destination
  }

  /// Patterns kept of one packet; with more of them the stream is searched by itself.
  private static let hitLimit = 4096

  /// The end of the stream so far, then the packet's payload.
  private let room: UnsafeMutablePointer<UInt8>
  private let hits: UnsafeMutablePointer<UInt32>
  /// Where the hits of each part end.
  private let ends: UnsafeMutablePointer<Int>
  private let seam: Int
  private let payloadLimit: Int

  /// Whether there are finds for a stream to take up.
  private var isKept = false
  private var payload = UnsafeRawBufferPointer(start: nil, count: 0)
  private var index: UInt64 = 0
  private var place = 0
  private var isFromClient = false
  /// The protocol whose bank was searched.
  private(set) var application: UInt8 = 0
  /// Offset in the stream of the first byte searched, and how many were.
  private var start: UInt64 = 0
  private var count = 0
  /// So few bytes were new that contents may be missing that end before them; see `ContentTails`.
  private var isOfNewOnly = false

  /// - Parameters:
  ///   - seam: bytes of the stream that are searched with a packet.
  ///   - payloadLimit: bytes of the longest packet that is kept.
  init(seam: Int, payloadLimit: Int) {
    self.seam = seam
    self.payloadLimit = payloadLimit
    room = .allocate(capacity: seam + payloadLimit)
    hits = .allocate(capacity: Self.hitLimit)
    ends = .allocate(capacity: Part.allCases.count)
    ends.initialize(repeating: 0, count: Part.allCases.count)
  }

  func free() {
    room.deallocate()
    hits.deallocate()
    ends.deallocate()
  }

  /// The next packet; its finds count for nobody but itself until `keep`.
  ///
  /// - Returns: the bytes to search.
  mutating func begin(
    _ payload: UnsafeRawBufferPointer, in scene: borrowing Scene
  ) -> UnsafeRawBufferPointer {
    isKept = payload.count <= payloadLimit
    isOfNewOnly = false
    self.payload = payload
    index = scene.index
    place = scene.place
    isFromClient = scene.isFromClient
    application = scene.application
    start = 0
    count = payload.count
    return payload
  }

  /// The same for a packet that may continue what stands in `window`.
  mutating func begin(
    _ payload: UnsafeRawBufferPointer, in scene: borrowing Scene, behind window: StreamWindow
  ) -> UnsafeRawBufferPointer {
    let bytes = begin(payload, in: scene)
    let end = window.bytes
    let before = min(seam, end.count)
    start = window.end &- UInt64(before)
    guard isKept, before > 0, let from = end.baseAddress, let next = payload.baseAddress else {
      return bytes
    }
    memcpy(room, from + (end.count - before), before)
    memcpy(room + before, next, payload.count)
    count = before + payload.count
    isOfNewOnly = payload.count <= ContentTails.newLimit
    return UnsafeRawBufferPointer(start: room, count: count)
  }

  /// For a packet whose stream is not read.
  mutating func drop() { isKept = false }

  /// Keeps what was found of a part; parts come in their order.
  @inline(__always) mutating func keep(_ part: Part, _ found: UnsafePointer<UInt32>, _ number: Int)
  {
    guard isKept else { return }
    let from = part == .point ? 0 : ends[part.rawValue &- 1]
    guard from &+ number <= Self.hitLimit else {
      isKept = false
      return
    }
    for hit in 0..<number { hits[from &+ hit] = found[hit] }
    ends[part.rawValue] = from &+ number
  }

  /// The patterns found of a part.
  @inline(__always) func found(_ part: Part) -> UnsafeBufferPointer<UInt32> {
    let from = part == .point ? 0 : ends[part.rawValue &- 1]
    return UnsafeBufferPointer(start: hits + from, count: ends[part.rawValue] &- from)
  }

  /// Whether the stream at hand, which got `payload` and is to be searched from `start` for `count`
  /// bytes, may take up what was found; once.
  mutating func take(
    _ payload: UnsafeRawBufferPointer, from start: UInt64, count: Int, in scene: borrowing Scene
  ) -> Bool {
    // Once it is known what is spoken, rules look again at what came before.
    if isOfNewOnly, application != scene.application { return false }
    guard isKept, index == scene.index, place == scene.place, isFromClient == scene.isFromClient,
      self.payload.baseAddress == payload.baseAddress, self.payload.count == payload.count,
      self.start == start, self.count == count
    else { return false }
    isKept = false
    return true
  }
}
