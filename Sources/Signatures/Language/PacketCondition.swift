/// A condition on the headers of one packet.
public enum PacketCondition: Sendable, Hashable {
  /// Octets of payload in the packet, before reassembly.
  case dsize(NumberRange)
  case ttl(NumberRange)
  case ipIdentifier(UInt16)
  case ipProtocol(NumberRange)
  case ipOption(IPOption)
  case typeOfService(NumberRange)
  /// Source and destination address are the same.
  case sameAddress
  case fragmentBits(FlagTest)
  /// In octets of eight, as the header has it.
  case fragmentOffset(NumberRange)
  case tcpFlags(FlagTest)
  case sequence(UInt32)
  case acknowledgement(UInt32)
  case window(NumberRange)
  case segmentSize(NumberRange)
  case icmpType(NumberRange)
  case icmpCode(NumberRange)
  case icmpIdentifier(UInt16)
  case icmpSequence(UInt16)
  /// Octets of the stream seen so far.
  case streamSize(StreamSide, NumberRange)
}

public enum StreamSide: UInt8, Sendable {
  case client, server, both, either
}

/// A test of flag bits: `flags:S,12`, `fragbits:!D`.
public struct FlagTest: Sendable, Hashable {
  public enum Mode: UInt8, Sendable {
    /// These and no others.
    case exactly
    /// All of these, others may be set (`+`).
    case all
    /// Any of these (`*`).
    case any
    /// None of these all (`!`).
    case not
  }

  /// TCP: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128. Fragment bits: more
  /// fragments 1, do not fragment 2, reserved 4.
  public var bits: UInt8
  /// Bits that are not looked at.
  public var ignored: UInt8 = 0
  public var mode = Mode.exactly

  public init(bits: UInt8, ignored: UInt8 = 0, mode: Mode = .exactly) {
    self.bits = bits
    self.ignored = ignored
    self.mode = mode
  }

  @inlinable public func accepts(_ flags: UInt8) -> Bool {
    let flags = flags & ~ignored
    return switch mode {
    case .exactly: flags == bits
    case .all: flags & bits == bits
    case .any: flags & bits != 0
    case .not: flags & bits != bits
    }
  }
}

/// `ipopts`: the raw value is the option's number on the wire (RFC 791).
public enum IPOption: UInt8, Sendable, CaseIterable {
  case endOfList = 0
  case noOperation = 1
  case recordRoute = 7
  case timestamp = 68
  case security = 130
  case looseSourceRoute = 131
  case extendedSecurity = 133
  case commercialSecurity = 134
  case streamIdentifier = 136
  case strictSourceRoute = 137
  /// Any option at all.
  case any = 255
}

/// A condition on what the session's parser knows.
public enum ApplicationCondition: Sendable, Hashable {
  /// app-layer-protocol; nil is `failed` or `unknown`: no parser knows it.
  case isProtocol(ApplicationProtocol?, isNegated: Bool)
  /// The version that the handshake chose is one of these, e.g. 0x0303 for TLS 1.2 (RFC 8446).
  case tlsVersion([UInt16], isNegated: Bool)
  case event(ApplicationEvent)
}

/// What a session's parser found odd (`app-layer-event`).
public enum ApplicationEvent: String, Sendable, CaseIterable {
  case invalidTransferEncoding = "http.invalid_transfer_encoding_value_in_request"
}
