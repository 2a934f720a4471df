import Glibc
import Packets
import Terms

/// The fragments of one datagram so far.
struct Datagram {
  enum Result {
    case added
    /// The very same fragment again.
    case duplicate
    /// More fragments than any sound datagram has.
    case refused
    case contradiction
    case complete(Packet, [UInt8])
  }

  /// Fragments kept of one datagram: 64 bytes each in the longest one.
  static let fragmentLimit = 1024
  /// Bytes that a fragment costs beside its data.
  static let fragmentCost = MemoryLayout<Piece>.stride

  private struct Piece {
    /// Place in the datagram, by the length fields.
    var start: Int
    var end: Int
    /// Place of the captured bytes in `bytes`.
    var offset: Int
    var count: Int
  }

  let serial: UInt64
  /// Contradictions were found; what follows is swallowed until the time is up.
  private(set) var isForged = false
  /// By place, without overlap.
  private var pieces: [Piece] = []
  /// Data in the order of arrival.
  private var bytes: [UInt8] = []
  private var first: Packet?
  /// Length of the datagram, once its last fragment came.
  private var length: Int?
  private var filled = 0
  private(set) var wireLength: UInt32 = 0

  init(serial: UInt64) { self.serial = serial }

  /// Fragments held.
  var fragmentCount: Int { pieces.count }

  /// Bytes of memory.
  var cost: Int { bytes.count + pieces.count * Self.fragmentCost }

  /// `data` is what was captured of the fragment's payload.
  mutating func add(_ packet: Packet, _ data: UnsafeRawBufferPointer) -> Result {
    guard !isForged else { return .added }
    wireLength = UInt32(
      truncatingIfNeeded: min(UInt64(wireLength) + UInt64(packet.wireLength), UInt64(UInt32.max)))
    let piece = Piece(
      start: Int(packet.fragmentOffset),
      end: Int(packet.fragmentOffset) + Int(packet.statedPayloadLength), offset: bytes.count,
      count: min(data.count, Int(packet.statedPayloadLength)))
    let isLast = (pieces.last?.end ?? 0) <= piece.start
    let place = isLast ? pieces.count : pieces.firstIndex { $0.end > piece.start } ?? pieces.count
    if place < pieces.count, pieces[place].start < piece.end {
      return repeats(pieces[place], piece, data) ? .duplicate : contradiction()
    }
    if packet.malformations.contains(.fragmentPastEnd) || !fits(piece, packet) {
      return contradiction()
    }
    guard pieces.count < Self.fragmentLimit else { return .refused }
    pieces.insert(piece, at: place)
    bytes.append(contentsOf: data.prefix(piece.count))
    filled += piece.end - piece.start
    if piece.start == 0 { first = packet }
    return assembled(at: packet) ?? .added
  }

  private func repeats(_ old: Piece, _ new: Piece, _ data: UnsafeRawBufferPointer) -> Bool {
    guard old.start == new.start, old.end == new.end else { return false }
    let common = min(old.count, new.count)
    guard common > 0, let base = data.baseAddress else { return true }
    return bytes.withUnsafeBytes { bytes in
      guard let kept = bytes.baseAddress else { return false }
      return memcmp(kept + old.offset, base, common) == 0
    }
  }

  /// Whether the fragment agrees with the others on where the datagram ends, and ends where another
  /// can begin: at a multiple of eight bytes, unless it is the last (RFC 791, 3.2; RFC 8200, 4.5).
  /// Systems cut off the rest, drop it, or fell over it (bonk, boink).
  private mutating func fits(_ piece: Piece, _ packet: Packet) -> Bool {
    guard !packet.moreFragments || piece.end & 7 == 0 else { return false }
    if let length { return piece.end <= length && (packet.moreFragments || piece.end == length) }
    guard !packet.moreFragments else { return true }
    length = piece.end
    return (pieces.last?.end ?? 0) <= piece.end
  }

  private mutating func contradiction() -> Result {
    isForged = true
    pieces = []
    bytes = []
    return .contradiction
  }

  private func assembled(at last: Packet) -> Result? {
    guard let length, filled == length, var packet = first else { return nil }
    // What the snap length cut off stays zero.
    var datagram = [UInt8](repeating: 0, count: length)
    for piece in pieces {
      datagram.replaceSubrange(
        piece.start..<piece.start + piece.count,
        with: bytes[piece.offset..<piece.offset + piece.count])
    }
    packet.time = last.time
    packet.index = last.index
    packet.wireLength = wireLength
    return .complete(packet, datagram)
  }
}
