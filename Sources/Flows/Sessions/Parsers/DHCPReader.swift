import Terms

/// One DHCP message from its bytes (RFC 2131, 2; options by RFC 2132).
enum DHCPReader {
  private static let cookie: UInt32 = 0x6382_5363
  /// Bytes before the options, with the cookie.
  private static let headLength = 240
  private static let hostNameLimit = 64
  private static let identifierLimit = 64
  /// Options of one message: each takes two bytes of at most a frame.
  private static let optionLimit = 512

  /// Whether bytes are a BOOTP message with DHCP's cookie.
  static func fits(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= headLength, bytes[0] == 1 || bytes[0] == 2 else { return false }
    var reader = ByteReader(bytes, at: 236)
    return reader.long() == cookie
  }

  static func read(_ bytes: UnsafeRawBufferPointer) -> DHCPMessage? {
    guard fits(bytes) else { return nil }
    var message = DHCPMessage()
    message.operation = bytes[0]
    var reader = ByteReader(bytes, at: 4)
    message.transaction = reader.long() ?? 0
    reader.offset = 12
    message.clientAddress = reader.address() ?? .unspecified
    message.offeredAddress = reader.address() ?? .unspecified
    message.nextServer = reader.address() ?? .unspecified
    message.relay = reader.address() ?? .unspecified
    let high = UInt64(reader.word() ?? 0)
    message.hardware = MACAddress(bits: high << 32 | UInt64(reader.long() ?? 0))
    reader.offset = headLength
    readOptions(&reader, into: &message)
    return message
  }

  private static func readOptions(_ reader: inout ByteReader, into message: inout DHCPMessage) {
    for _ in 0..<optionLimit {
      guard let code = reader.byte(), code != 255 else {
        message.isWellFormed = reader.offset > 0 && reader.bytes[reader.offset - 1] == 255
        return
      }
      if code == 0 { continue }
      guard let length = reader.byte(), let data = reader.take(Int(length)) else { break }
      read(code, ByteReader(data), into: &message)
    }
    message.isWellFormed = false
  }

  private static func read(_ code: UInt8, _ data: ByteReader, into message: inout DHCPMessage) {
    var data = data
    switch code {
    case 3: message.routers = addresses(&data)
    case 6: message.nameServers = addresses(&data)
    case 12: message.hostName = Array(data.bytes.first(hostNameLimit))
    case 50: message.requestedAddress = data.address() ?? .unspecified
    case 51: message.leaseTime = data.long() ?? 0
    case 53: message.kind = data.byte().flatMap { DHCPMessage.Kind(rawValue: $0) } ?? .none
    case 54: message.serverIdentifier = data.address() ?? .unspecified
    case 61:
      // Type 1 is Ethernet's hardware address.
      let identifier = Array(data.bytes.first(identifierLimit))
      if identifier.count > 1, identifier[0] != 1 {
        message.clientIdentifier = identifier.secretDigest
      }
    default: break
    }
  }

  private static func addresses(_ data: inout ByteReader) -> [IPAddress] {
    var result: [IPAddress] = []
    while result.count < DHCPMessage.addressLimit, let address = data.address() {
      result.append(address)
    }
    return result
  }
}
