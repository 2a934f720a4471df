/// Conditions on headers.
extension RuleParser {
  /// Whether `keyword` is one of these.
  mutating func readPacket(_ keyword: RuleOption, _ option: Option) throws(RuleFault) -> Bool {
    let condition: PacketCondition
    switch keyword {
    case .sameip:
      try refuseValue(of: option)
      condition = .sameAddress
    case .dsize: condition = .dsize(try range(option, maximum: 65_535))
    case .ttl: condition = .ttl(try range(option, maximum: 255))
    case .tos: condition = .typeOfService(try range(option, maximum: 255))
    case .fragoffset: condition = .fragmentOffset(try range(option, maximum: 8_191))
    case .window, .tcpWindow: condition = .window(try range(option, maximum: 65_535))
    case .tcpMSS: condition = .segmentSize(try range(option, maximum: 65_535))
    case .itype: condition = .icmpType(try range(option, maximum: 255))
    case .icode: condition = .icmpCode(try range(option, maximum: 255))
    case .id: condition = .ipIdentifier(try number(option))
    case .icmpID: condition = .icmpIdentifier(try number(option))
    case .icmpSequence: condition = .icmpSequence(try number(option))
    case .seq, .tcpSequence: condition = .sequence(try number(option))
    case .ack, .tcpAcknowledgement: condition = .acknowledgement(try number(option))
    case .flags, .tcpFlags: condition = .tcpFlags(try Self.tcpFlags(plainValue(value(of: option))))
    case .fragbits:
      condition = .fragmentBits(try Self.fragmentBits(plainValue(value(of: option))))
    case .ipopts: condition = .ipOption(try Self.ipOption(plainValue(value(of: option))))
    case .ipProto: condition = .ipProtocol(try Self.ipProtocol(plainValue(value(of: option))))
    case .streamSize: condition = try Self.streamSize(plainValue(value(of: option)))
    default: return false
    }
    try checkTransport(of: condition, at: option.name.start)
    rule.packet.append(condition)
    return true
  }

  private func range(_ option: Option, maximum: UInt32) throws(RuleFault) -> NumberRange {
    try plainValue(value(of: option)).numberRange(maximum: maximum)
  }

  private func number<Number: FixedWidthInteger & UnsignedInteger>(
    _ option: Option
  ) throws(RuleFault) -> Number {
    try plainValue(value(of: option)).number(Number.self)
  }

  /// A condition on TCP in a rule for UDP is never true.
  private func checkTransport(
    of condition: PacketCondition, at offset: Int
  ) throws(RuleFault) {
    let transport = rule.header.protocol.transport
    switch condition {
    case .tcpFlags, .sequence, .acknowledgement, .window, .segmentSize, .streamSize:
      guard [.any, .tcp, .ipv4, .ipv6].contains(transport) else {
        throw RuleFault(offset, "the rule is not for TCP")
      }
    case .icmpType, .icmpCode, .icmpIdentifier, .icmpSequence:
      guard [.any, .icmp, .icmpv4, .icmpv6, .ipv4, .ipv6].contains(transport) else {
        throw RuleFault(offset, "the rule is not for ICMP")
      }
    default: return
    }
  }

  /// `S`, `SA+`, `!R`, `*SF`, `S,12`, `0`.
  private static func tcpFlags(_ value: RuleSlice) throws(RuleFault) -> FlagTest {
    let fields = value.fields
    guard fields.count <= 2 else { throw RuleFault(fields[2].start, "more than flags and mask") }
    var test = try flags(fields[0], letters: tcpLetters)
    if fields.count == 2 {
      test.ignored = try flags(fields[1], letters: tcpLetters).bits
    }
    // No flag is no bit to compare: `!0` is any flag, `+0` none.
    if test.bits == 0, test.mode == .not {
      test = FlagTest(bits: 0xff, mode: .any)
    } else if test.bits == 0 {
      test.mode = .exactly
    }
    guard test.bits & test.ignored == 0 else {
      throw RuleFault(value.start, "a flag is wanted and ignored")
    }
    return test
  }

  private static func fragmentBits(_ value: RuleSlice) throws(RuleFault) -> FlagTest {
    try flags(value, letters: fragmentLetters)
  }

  private static func flags(
    _ slice: RuleSlice, letters: [UInt8: UInt8]
  ) throws(RuleFault) -> FlagTest {
    var test = FlagTest(bits: 0)
    var hasMode = false
    for (index, octet) in slice.octets.enumerated() {
      let mode: FlagTest.Mode?
      switch octet {
      case UInt8(ascii: "+"): mode = .all
      case UInt8(ascii: "*"): mode = .any
      case UInt8(ascii: "!"): mode = .not
      default: mode = nil
      }
      if let mode {
        guard !hasMode else { throw RuleFault(slice.start + index, "a second of + * !") }
        hasMode = true
        test.mode = mode
      } else if octet.isBlank {
        continue
      } else if let bit = letters[octet] ?? letters[octet & 0xdf] {
        test.bits |= bit
      } else {
        throw RuleFault(slice.start + index, "\(slice.quoted) names no such flag")
      }
    }
    guard !slice.isEmpty else { throw RuleFault(slice.start, "no flags") }
    return test
  }

  private static let tcpLetters: [UInt8: UInt8] = [
    UInt8(ascii: "F"): 1, UInt8(ascii: "S"): 2, UInt8(ascii: "R"): 4, UInt8(ascii: "P"): 8,
    UInt8(ascii: "A"): 16, UInt8(ascii: "U"): 32, UInt8(ascii: "E"): 64, UInt8(ascii: "2"): 64,
    UInt8(ascii: "C"): 128, UInt8(ascii: "1"): 128, UInt8(ascii: "0"): 0,
  ]

  private static let fragmentLetters: [UInt8: UInt8] = [
    UInt8(ascii: "M"): 1, UInt8(ascii: "D"): 2, UInt8(ascii: "R"): 4,
  ]

  private static func ipOption(_ value: RuleSlice) throws(RuleFault) -> IPOption {
    let names: [String: IPOption] = [
      "eol": .endOfList, "nop": .noOperation, "rr": .recordRoute, "ts": .timestamp,
      "sec": .security, "lsrr": .looseSourceRoute, "lsrre": .looseSourceRoute,
      "esec": .extendedSecurity, "cipso": .commercialSecurity, "satid": .streamIdentifier,
      "ssrr": .strictSourceRoute, "any": .any,
    ]
    guard let option = names[value.text.lowercased()] else {
      throw RuleFault(value.start, "\(value.quoted) is no IP option")
    }
    return option
  }

  /// A number, or one of the names that rules use.
  private static func ipProtocol(_ value: RuleSlice) throws(RuleFault) -> NumberRange {
    var rest = value
    let isNegated = rest.take("!")
    if let first = rest.first, first.isLetter {
      let numbers: [String: UInt32] = [
        "icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "egp": 8, "igp": 9, "udp": 17, "ipv6": 41,
        "rsvp": 46, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58, "eigrp": 88,
        "ospf": 89, "pim": 103, "vrrp": 112, "sctp": 132,
      ]
      guard let number = numbers[rest.text.lowercased()] else {
        throw RuleFault(rest.start, "\(rest.quoted) is no protocol over IP")
      }
      return NumberRange(number, number, isNegated: isNegated)
    }
    return try value.numberRange(maximum: 255)
  }

  /// `server,<,5`.
  private static func streamSize(_ value: RuleSlice) throws(RuleFault) -> PacketCondition {
    let fields = value.fields
    guard fields.count == 3 else {
      throw RuleFault(value.start, "a side, an operator and a number are expected")
    }
    let sides: [String: StreamSide] = [
      "client": .client, "server": .server, "both": .both, "either": .either,
    ]
    guard let side = sides[fields[0].text] else {
      throw RuleFault(fields[0].start, "\(fields[0].quoted) is no side of a stream")
    }
    let number = try fields[2].number(UInt32.self)
    switch fields[1].text {
    case "=", "==": return .streamSize(side, NumberRange(number, number))
    case "!=": return .streamSize(side, NumberRange(number, number, isNegated: true))
    case "<" where number > 0: return .streamSize(side, NumberRange(0, number - 1))
    case ">" where number < .max: return .streamSize(side, NumberRange(number + 1, .max))
    case "<=": return .streamSize(side, NumberRange(0, number))
    case ">=": return .streamSize(side, NumberRange(number, .max))
    default: throw RuleFault(fields[1].start, "\(fields[1].quoted) is no operator here")
    }
  }
}
