/// UDP: each datagram for itself.
extension SessionTable {
  mutating func takeDatagram(
    _ place: Int, _ direction: FlowDirection, _ payload: UnsafeRawBufferPointer, stated: Int
  ) {
    guard !payload.isEmpty else { return }
    var mark = marks[place]
    if mark == .none {
      mark = .datagrams(identify(payload))
      marks[place] = mark
    }
    if mark.datagramKind != .unknown, tell(mark.datagramKind, direction, payload, stated: stated) {
      return
    }
    guard !mark.hasSample(direction) else {
      if mark.datagramKind == .unknown, mark.hasSample(direction.other) {
        marks[place] = .dismissed(.unknown)
      }
      return
    }
    marks[place].noteSample(direction)
    let scene = output.scene
    guard samples.spend(at: scene.time, scene.client, scene.server) else {
      statistics.unread &+= 1
      return
    }
    var sample = PayloadSample()
    sample.isFromClient = direction == .out
    sample.turn = mark.hasSample(direction.other) ? 1 : 0
    sample.bytes = Array(payload.first(PayloadSample.limit))
    output.tell(.payload(sample))
  }

  /// By the ports, if the content fits; else by content where that is beyond doubt.
  private func identify(_ payload: UnsafeRawBufferPointer) -> SessionProtocol {
    let scene = output.scene
    if let kind = Self.service(scene.serverPort) ?? Self.service(scene.clientPort) { return kind }
    // NetBIOS names look like DNS.
    guard scene.serverPort != 137, scene.clientPort != 137 else { return .unknown }
    if DHCPReader.fits(payload) { return .dhcp }
    if SSDPMessage(payload) != nil { return .ssdp }
    return Self.asks(payload) ? .dns : .unknown
  }

  private static func service(_ port: UInt16) -> SessionProtocol? {
    switch port {
    case 53, 5353, 5355: .dns
    case 67, 68, 546, 547: .dhcp
    case 123: .ntp
    case 161, 162: .snmp
    case 389: .cldap
    case 1900: .ssdp
    case 11211: .memcached
    default: nil
    }
  }

  /// Whether bytes at any port are a DNS query beyond doubt: one sound question and nothing else but
  /// perhaps EDNS.
  private static func asks(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= 17, bytes[2] & 0xfe == 0, bytes[4] == 0, bytes[5] == 1, bytes[6] == 0,
      bytes[7] == 0, bytes[8] == 0, bytes[9] == 0, bytes[10] == 0, bytes[11] <= 1
    else { return false }
    let message = DNSReader.read(bytes)
    return message.malformation == .none && message.labelCount > 0 && message.queryClass == 1
  }

  /// Whether the datagram was what its flow speaks. A broken name service message is told, and its
  /// bytes as well: what broke it may be code.
  private mutating func tell(
    _ kind: SessionProtocol, _ direction: FlowDirection, _ payload: UnsafeRawBufferPointer,
    stated: Int
  ) -> Bool {
    switch kind {
    case .dns:
      var message = DNSReader.read(payload)
      if stated > payload.count {
        message.isCut = true
        message.malformation = .none
        message.size = stated
      }
      // The side that answers serves, even where the question was not seen; but two name servers
      // are told apart by who began.
      let isSwapped =
        message.isResponse == (direction == .out)
        && output.scene.clientPort != output.scene.serverPort
        && Self.service(output.scene.serverPort) != .dns
      output.tell(.dns(message), isSwapped: isSwapped)
      return message.malformation == .none
    case .dhcp:
      let isVersion6 = DHCPv6Reader.ports.contains(output.scene.serverPort)
      guard let message = isVersion6 ? DHCPv6Reader.read(payload) : DHCPReader.read(payload)
      else { return false }
      output.tell(.dhcp(message), isSwapped: (message.operation == 2) == (direction == .out))
    case .ntp:
      guard let message = NTPMessage(payload) else { return false }
      output.tell(.ntp(message), isSwapped: message.isResponse && direction == .out)
    case .snmp:
      guard let message = SNMPMessage(payload) else { return false }
      output.tell(.snmp(message))
    case .ssdp:
      guard let message = SSDPMessage(payload) else { return false }
      output.tell(.ssdp(message), isSwapped: message.method.isEmpty && direction == .out)
    case .memcached:
      guard let message = MemcachedMessage(payload) else { return false }
      output.tell(.memcached(message), isSwapped: message.isResponse && direction == .out)
    case .cldap:
      guard let message = CLDAPMessage(payload) else { return false }
      output.tell(.cldap(message), isSwapped: message.operation > 3 && direction == .out)
    default: return false
    }
    return true
  }
}
