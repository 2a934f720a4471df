/// UDP services whose answers are much larger than their questions, by registered port
/// (US-CERT TA14-017A and what was found since).
enum ReflectorService: UInt16, Sendable, CaseIterable {
  case echo = 7
  case quote = 17
  case chargen = 19
  case dns = 53
  case tftp = 69
  case portmap = 111
  case ntp = 123
  case netbios = 137
  case snmp = 161
  case cldap = 389
  case slp = 427
  case rip = 520
  case mssql = 1434
  case l2tp = 1701
  case ssdp = 1900
  case ard = 3283
  case wsd = 3702
  case mdns = 5353
  case coap = 5683
  case memcached = 11_211
  case quake = 27_960
  case steam = 27_015

  /// One bit per port.
  private static let bitmap: [UInt64] = {
    var bits = [UInt64](repeating: 0, count: 1024)
    for service in allCases {
      bits[Int(service.rawValue >> 6)] |= 1 << UInt64(service.rawValue & 63)
    }
    return bits
  }()

  /// The highest port of any.
  static let last: UInt16 = 27_960

  static func holds(_ port: UInt16) -> Bool {
    port <= last && bitmap[Int(port >> 6)] >> UInt64(port & 63) & 1 == 1
  }

  static func text(_ port: UInt16) -> String {
    ReflectorService(rawValue: port).map { "\($0)" } ?? "\(port)"
  }
}
