import Crypto
import Terms

/// A report's identity: a UUID (RFC 9562, version 8) derived from what the report is about, so that
/// a replay gives the same one and a duplicate merges.
public struct ReportID: Hashable, Sendable, Codable, Comparable {
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Derives the identity by SHA-256 over the four parts; `subject` is the engine's own stable name
  /// of what it reports on, followed by the text of `id` where that is what it is about.
  public init(
    monitor: MonitorName, kind: ReportKind, subject: String, about id: ReportID? = nil,
    opened: CaptureTime, exercise: String? = nil
  ) {
    let parts = (monitor.text, kind.text, subject, exercise ?? "")
    let length =
      parts.0.utf8.count + parts.1.utf8.count + parts.2.utf8.count + parts.3.utf8.count
      + (id == nil ? 0 : Self.textLength)
    // Every conclusion has one: its bytes stand on the stack, and are given to the hash at once.
    let digest = withUnsafeTemporaryAllocation(byteCount: length + 12, alignment: 8) { room in
      var end = Self.write(parts.0, to: room, at: 0)
      end = Self.write(parts.1, to: room, at: end)
      end = Self.write(parts.2, to: room, at: end)
      if let id {
        end -= 1
        for place in 0..<Self.textLength { room[end + place] = id.character(place) }
        end += Self.textLength
        room[end] = 0
        end += 1
      }
      end = Self.write(parts.3, to: room, at: end)
      room.storeBytes(
        of: opened.nanoseconds.bigEndian, toByteOffset: end, as: Int64.self)
      var hash = SHA256()
      hash.update(bufferPointer: UnsafeRawBufferPointer(room))
      return hash.finalize()
    }
    (high, low) = digest.withUnsafeBytes {
      (
        UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
          & 0xffff_ffff_ffff_0fff | 0x8000,
        UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
          & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
      )
    }
  }

  /// Writes a text and a zero; returns where they end.
  private static func write(
    _ text: String, to room: UnsafeMutableRawBufferPointer, at start: Int
  ) -> Int {
    var text = text
    let end = text.withUTF8 { bytes in
      UnsafeMutableRawBufferPointer(rebasing: room[start...]).copyMemory(
        from: UnsafeRawBufferPointer(bytes))
      return start + bytes.count
    }
    room[end] = 0
    return end + 1
  }

  @inlinable public func hash(into hasher: inout Hasher) {
    hasher.combine(high)
    hasher.combine(low)
  }

  @inlinable public func _rawHashValue(seed: Int) -> Int { TableHash.of(high, low, seed: seed) }

  @inlinable public static func < (left: ReportID, right: ReportID) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }
}

extension ReportID: CustomStringConvertible {
  /// Parses the 36-character form; nil for anything else.
  public init?(_ text: some StringProtocol) {
    let groups = text.split(separator: "-", omittingEmptySubsequences: false)
    guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12], let a = UInt64(groups[0], radix: 16),
      let b = UInt64(groups[1], radix: 16), let c = UInt64(groups[2], radix: 16),
      let d = UInt64(groups[3], radix: 16), let e = UInt64(groups[4], radix: 16)
    else { return nil }
    self.init(high: a << 32 | b << 16 | c, low: d << 48 | e)
  }

  public var description: String {
    String(unsafeUninitializedCapacity: Self.textLength) { text in
      for place in 0..<Self.textLength { text[place] = character(place) }
      return Self.textLength
    }
  }

  private static let textLength = 36

  /// The character at a place of the 36.
  private func character(_ place: Int) -> UInt8 {
    if place == 8 || place == 13 || place == 18 || place == 23 { return UInt8(ascii: "-") }
    let hyphens = place < 8 ? 0 : place < 13 ? 1 : place < 18 ? 2 : place < 23 ? 3 : 4
    let index = place - hyphens
    let word = index < 16 ? high : low
    let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (index % 16)) & 0xf)
    return digit + (digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
  }
}
