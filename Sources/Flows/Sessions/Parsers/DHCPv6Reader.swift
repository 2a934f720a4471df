import Terms

/// One DHCPv6 message from its bytes (RFC 8415, 8 and 21), in the words of DHCP's: a SOLICIT discovers,
/// an ADVERTISE offers, a REPLY acknowledges.
enum DHCPv6Reader {
  /// Options of one message, and of one of them that holds others.
  private static let optionLimit = 64
  private static let identifierLimit = 64

  static let ports: ClosedRange<UInt16> = 546...547

  static func read(_ bytes: UnsafeRawBufferPointer) -> DHCPMessage? {
    var reader = ByteReader(bytes)
    guard let type = reader.byte(), let (operation, kind) = kind(type) else { return nil }
    var message = DHCPMessage()
    message.isVersion6 = true
    message.operation = operation
    message.kind = kind
    if type >= relayForward {
      // Hop count, the link that the client is on, and its address.
      guard reader.byte() != nil, let link = reader.version6Address(),
        reader.version6Address() != nil
      else {
        return nil
      }
      message.relay = link
      return message
    }
    guard let transaction = reader.medium() else { return nil }
    message.transaction = UInt32(transaction)
    readOptions(&reader, into: &message)
    return message
  }

  private static let relayForward: UInt8 = 12

  private static func kind(_ type: UInt8) -> (operation: UInt8, kind: DHCPMessage.Kind)? {
    switch type {
    case 1: (1, .discover)
    case 2: (2, .offer)
    // Request, renew, rebind.
    case 3, 5, 6: (1, .request)
    case 7: (2, .ack)
    case 8: (1, .release)
    case 9: (1, .decline)
    case 11: (1, .inform)
    // Confirm, relay forward; reconfigure, relay reply.
    case 4, 12: (1, .none)
    case 10, 13: (2, .none)
    default: nil
    }
  }

  private static func readOptions(_ reader: inout ByteReader, into message: inout DHCPMessage) {
    for _ in 0..<optionLimit {
      guard let code = reader.word() else { return }
      guard let length = reader.word(), let data = reader.take(Int(length)) else { break }
      read(code, ByteReader(data), into: &message)
    }
    message.isWellFormed = false
  }

  private static func read(_ code: UInt16, _ data: ByteReader, into message: inout DHCPMessage) {
    var data = data
    switch code {
    case 1: readClient(&data, into: &message)
    case 3:
      // An association of addresses: its number, two times, and options of its own.
      guard data.skip(12) else { return }
      readAssociation(&data, into: &message)
    case 23:
      while message.nameServers.count < DHCPMessage.addressLimit,
        let server = data.version6Address()
      {
        message.nameServers.append(server)
      }
    default: break
    }
  }

  /// An identifier made of a hardware address (RFC 8415, 11.2 and 11.4), or any other.
  private static func readClient(_ data: inout ByteReader, into message: inout DHCPMessage) {
    let bytes = data.bytes
    message.clientIdentifier = max(Array(bytes.first(identifierLimit)).secretDigest, 1)
    guard let type = data.word(), type == 1 || type == 3, data.word() == 1 else { return }
    if type == 1 { _ = data.long() }
    guard let high = data.word(), let low = data.long() else { return }
    message.hardware = MACAddress(bits: UInt64(high) << 32 | UInt64(low))
  }

  private static func readAssociation(_ data: inout ByteReader, into message: inout DHCPMessage) {
    for _ in 0..<optionLimit {
      guard let code = data.word(), let length = data.word(), let inner = data.take(Int(length))
      else { return }
      guard code == 5, message.offeredAddress == .unspecified else { continue }
      var lease = ByteReader(inner)
      message.offeredAddress = lease.version6Address() ?? .unspecified
      _ = lease.long()
      message.leaseTime = lease.long() ?? 0
    }
  }
}
