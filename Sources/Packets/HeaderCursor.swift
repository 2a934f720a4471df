import Terms

/// A place in a frame, with what is left of it. Reads are unchecked: callers compare `remaining`
/// first.
///
/// Invariant: `offset <= end <= statedEnd` and all of `base ..< base + end` is captured.
struct HeaderCursor {
  let base: UnsafeRawPointer
  /// Bytes from the frame's start.
  var offset: Int
  /// Where the captured bytes of the current layer end.
  var end: Int
  /// Where the current layer ends on the wire, by its own length field; beyond `end` when the snap
  /// length cut it.
  var statedEnd: Int

  @inline(__always) var remaining: Int { end &- offset }

  @inline(__always) func byte(_ at: Int) -> UInt8 {
    base.load(fromByteOffset: offset &+ at, as: UInt8.self)
  }

  @inline(__always) func word(_ at: Int) -> UInt16 {
    UInt16(bigEndian: base.loadUnaligned(fromByteOffset: offset &+ at, as: UInt16.self))
  }

  @inline(__always) func long(_ at: Int) -> UInt32 {
    UInt32(bigEndian: base.loadUnaligned(fromByteOffset: offset &+ at, as: UInt32.self))
  }

  @inline(__always) func quad(_ at: Int) -> UInt64 {
    UInt64(bigEndian: base.loadUnaligned(fromByteOffset: offset &+ at, as: UInt64.self))
  }

  @inline(__always) func mac(_ at: Int) -> MACAddress {
    MACAddress(bits: UInt64(word(at)) &<< 32 | UInt64(long(at &+ 2)))
  }

  /// Steps over `count` bytes, which must remain.
  @inline(__always) mutating func skip(_ count: Int) { offset &+= count }

  /// Ends the layer `length` bytes from here by its own length field: what follows is padding.
  ///
  /// Returns false when the length reaches beyond the layer around it; the layer then ends with
  /// that one.
  @inline(__always) mutating func limit(to length: Int) -> Bool {
    let stated = offset &+ length
    guard stated <= statedEnd else { return false }
    statedEnd = stated
    end = min(end, stated)
    return true
  }

  /// Whether the TLV options in the next `length` bytes, which must remain, are well formed: IPv4
  /// (RFC 791, 3.1) and TCP (RFC 9293, 3.2) share 0 for the end and 1 for padding.
  func optionsAreWellFormed(from start: Int, to length: Int) -> Bool {
    var at = start
    while at < length {
      let kind = byte(at)
      if kind == 0 { return true }
      if kind == 1 {
        at &+= 1
        continue
      }
      guard at &+ 1 < length else { return false }
      let size = Int(byte(at &+ 1))
      guard size >= 2, at &+ size <= length else { return false }
      at &+= size
    }
    return true
  }
}
