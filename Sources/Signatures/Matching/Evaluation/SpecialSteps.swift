/// Room for what base64_decode decodes.
final class Base64Room {
  /// Octets decoded at most.
  static let limit = 4096

  private let room = UnsafeMutablePointer<UInt8>.allocate(capacity: Base64Room.limit)
  @exclusivity(unchecked) private var count = 0

  init() {}

  deinit { room.deallocate() }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: room, count: count) }

  func clear() { count = 0 }

  /// - Parameter limit: octets of text; -1 for all.
  /// - Returns: whether anything was decoded.
  func decode(_ data: UnsafeRawBufferPointer, from start: Int, limit: Int) -> Bool {
    count = 0
    guard start >= 0, start < data.count else { return false }
    let end = limit > 0 ? min(data.count, start + limit) : data.count
    var bits: UInt32 = 0
    var held: UInt32 = 0
    for place in start..<end {
      guard let value = Self.value(data[place]) else {
        if data[place].isBlankSpace { continue }
        break
      }
      bits = bits &<< 6 | value
      held += 6
      guard held >= 8 else { continue }
      held -= 8
      guard count < Self.limit else { return true }
      room[count] = UInt8(truncatingIfNeeded: bits &>> held)
      count += 1
    }
    return count > 0
  }

  private static func value(_ byte: UInt8) -> UInt32? {
    switch byte {
    case 0x41...0x5a: UInt32(byte - 0x41)
    case 0x61...0x7a: UInt32(byte - 0x47)
    case 0x30...0x39: UInt32(byte + 4)
    case 0x2b: 62
    case 0x2f: 63
    default: nil
    }
  }
}

/// BER that is not as it should be (`asn1`).
enum ASN1Walk {
  /// Elements looked at.
  private static let elementLimit = 256
  /// Octets of text of the longest double, with some to spare.
  private static let doubleLimit: UInt64 = 256

  static func finds(_ step: Step, _ data: UnsafeRawBufferPointer, from start: Int) -> Bool {
    var place = max(start, 0)
    for _ in 0..<elementLimit {
      guard place <= data.count - 2 else { return false }
      let tag = data[place]
      var length = UInt64(data[place + 1])
      var body = place + 2
      if length & 0x80 != 0 {
        let count = Int(length & 0x7f)
        guard count <= 8, body + count <= data.count else { return false }
        length = 0
        for offset in 0..<count { length = length &<< 8 | UInt64(data[body + offset]) }
        body += count
      }
      if step.first >= 0, length > UInt64(step.first) { return true }
      if step.traits.contains(.findsBitString), tag & 0x1f == 3, body < data.count, length <= 1,
        data[body] > 0
      {
        return true
      }
      if step.traits.contains(.findsDouble), tag & 0x1f == 9, length > doubleLimit { return true }
      // Into what is constructed, behind what is not.
      if tag & 0x20 != 0 {
        place = body
      } else {
        guard length <= UInt64(data.count - body) else { return false }
        place = body + Int(length)
      }
    }
    return false
  }
}

/// An FTP `PORT` command.
enum FTPBounce {
  /// The address that it names; nil without a sound one.
  static func address(_ data: UnsafeRawBufferPointer) -> UInt32? {
    guard data.count > 5, data.prefix(5).map(\.asciiLower) == Array("port ".utf8) else {
      return nil
    }
    let fields = data[5...].prefix { $0 != 0x0d && $0 != 0x0a }.split(separator: 0x2c)
    guard fields.count == 6 else { return nil }
    var address: UInt32 = 0
    for field in fields.prefix(4) {
      guard let octet = UInt8(String(decoding: field, as: UTF8.self)) else { return nil }
      address = address << 8 | UInt32(octet)
    }
    return address
  }
}
