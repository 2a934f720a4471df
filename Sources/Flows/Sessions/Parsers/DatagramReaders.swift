/// BER as far as SNMP and LDAP need it (X.690, 8.1).
struct BERReader {
  var reader: ByteReader

  init(_ bytes: UnsafeRawBufferPointer) { reader = ByteReader(bytes) }

  /// The next value's tag and contents; a value that goes beyond the bytes is cut.
  mutating func next() -> (tag: UInt8, contents: UnsafeRawBufferPointer)? {
    guard let tag = reader.byte(), let first = reader.byte() else { return nil }
    var length = Int(first)
    if first & 0x80 != 0 {
      let count = Int(first & 0x7f)
      guard count >= 1, count <= 4 else { return nil }
      length = 0
      for _ in 0..<count {
        guard let byte = reader.byte() else { return nil }
        length = length << 8 | Int(byte)
      }
    }
    guard let contents = reader.take(min(length, reader.remaining)) else { return nil }
    return (tag, contents)
  }

  /// A small INTEGER; nil for anything else.
  mutating func integer() -> Int? {
    guard let (tag, contents) = next(), tag == 2, contents.count >= 1, contents.count <= 4 else {
      return nil
    }
    return contents.reduce(0) { $0 << 8 | Int($1) }
  }
}

extension NTPMessage {
  /// Nil where the first byte is no NTP version or the message is too short for its mode.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard let first = bytes.first else { return nil }
    let mode = first & 7
    let version = first >> 3 & 7
    guard version >= 1, version <= 4, mode != 0, bytes.count >= (mode >= 6 ? 4 : 48) else {
      return nil
    }
    self.init()
    self.version = version
    self.mode = mode
    size = bytes.count
    isResponse = mode == 4 || mode == 7 && first & 0x80 != 0 || mode == 6 && bytes[1] & 0x80 != 0
    requestCode = mode == 7 ? bytes[3] : mode == 6 ? bytes[1] & 31 : 0
  }
}

extension SNMPMessage {
  private static let communityLimit = 64

  init?(_ bytes: UnsafeRawBufferPointer) {
    var outer = BERReader(bytes)
    guard let message = outer.next(), message.tag == 0x30 else { return nil }
    var inner = BERReader(message.contents)
    guard let version = inner.integer(), version == 0 || version == 1 || version == 3 else {
      return nil
    }
    self.init()
    size = bytes.count
    self.version = UInt8(version)
    guard version != 3 else { return }
    guard let community = inner.next(), community.tag == 4, let pdu = inner.next(),
      pdu.tag & 0xe0 == 0xa0
    else { return nil }
    self.community = Array(community.contents.first(Self.communityLimit))
    operation = pdu.tag & 31
    guard operation == 5 else { return }
    var fields = BERReader(pdu.contents)
    _ = fields.integer()
    _ = fields.integer()
    repetitions = fields.integer() ?? 0
  }
}

extension SSDPMessage {
  private static let targetLimit = 128
  private static let headLimit = 1024

  init?(_ bytes: UnsafeRawBufferPointer) {
    self.init()
    if bytes.starts(with: "M-SEARCH ") {
      method = "M-SEARCH"
    } else if bytes.starts(with: "NOTIFY ") {
      method = "NOTIFY"
    } else if !bytes.starts(with: "HTTP/1.1 ") {
      return nil
    }
    size = bytes.count
    for line in bytes.first(Self.headLimit).split(separator: 0x0a) where line.begins("st:") {
      let value = line.dropFirst(3).drop { $0.isBlank }.prefix { $0 != 0x0d }
      searchTarget = Array(value.prefix(Self.targetLimit))
    }
  }
}

extension MemcachedMessage {
  private static let binaryVerbs: [UInt8: String] = [0: "GET", 1: "SET", 0x10: "STATS"]

  /// Behind the eight bytes of a UDP frame (memcached, doc/protocol.txt).
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 8, bytes[6] == 0, bytes[7] == 0 else { return nil }
    let body = bytes.from(8)
    self.init()
    size = bytes.count
    if body[0] == 0x80 || body[0] == 0x81 {
      isResponse = body[0] == 0x81
      verb = body.count > 1 ? Self.binaryVerbs[body[1]] ?? "" : ""
      return
    }
    verb = body.prefix { $0 > 0x20 }.verb
    isResponse = ["VALUE", "STAT", "END", "ERROR", "STORED", "VERSION"].contains(verb)
  }
}

extension CLDAPMessage {
  init?(_ bytes: UnsafeRawBufferPointer) {
    var outer = BERReader(bytes)
    guard let message = outer.next(), message.tag == 0x30 else { return nil }
    var inner = BERReader(message.contents)
    guard inner.integer() != nil, let operation = inner.next(), operation.tag & 0xc0 == 0x40
    else { return nil }
    self.init()
    size = bytes.count
    self.operation = operation.tag & 31
  }
}
