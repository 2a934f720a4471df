import Terms

/// What a packet has to pass before anything else of a rule is looked at, and where the rest
/// stands.
struct RuleRecord: BitwiseCopyable {
  /// `RuleTransport`.
  var transport: UInt8 = 0
  /// 1 + index into `ApplicationProtocol.allCases`; 0 for none.
  var application: UInt8 = 0
  var traits = RuleTraits()
  /// Places of address and port sets; -1 for any.
  var sources: Int32 = -1
  var destinations: Int32 = -1
  var sourcePorts: Int32 = -1
  var destinationPorts: Int32 = -1
  var tests = Span()
  var applicationTests = Span()
  var groups = Span()
  var states = Span()
  var changes = Span()
  /// Places in `rates`; -1 for none.
  var threshold: Int32 = -1
  var filter: Int32 = -1
}

struct RuleTraits: OptionSet, BitwiseCopyable {
  let rawValue: UInt16

  static let toServer = RuleTraits(rawValue: 1)
  static let toClient = RuleTraits(rawValue: 2)
  static let needsEstablished = RuleTraits(rawValue: 4)
  static let needsUnestablished = RuleTraits(rawValue: 8)
  static let isBidirectional = RuleTraits(rawValue: 16)
  /// Changes state and reports nothing.
  static let isSilent = RuleTraits(rawValue: 32)
  static let isPass = RuleTraits(rawValue: 64)
  /// The rule says which end is attacked.
  static let targetsSource = RuleTraits(rawValue: 128)
  static let targetsDestination = RuleTraits(rawValue: 256)
  /// Its conditions on payload look at the TCP stream, at single TCP packets, or at both.
  static let readsStream = RuleTraits(rawValue: 512)
  static let readsPackets = RuleTraits(rawValue: 1024)
  /// A condition reads headers of a packet.
  static let needsPacket = RuleTraits(rawValue: 2048)
}

/// What is told of a match.
struct RuleInfo: BitwiseCopyable {
  var generator: UInt32 = 0
  var signature: UInt32 = 0
  var revision: UInt32 = 0
  var priority: UInt8 = 3
  /// Text in `bytes`.
  var message = Span()
  var classification = Span()
  var references = Span()
  var metadata = Span()
}

/// A number range test on a packet, or flags; see `PacketCondition`.
struct PacketTest: BitwiseCopyable {
  enum Subject: UInt8 {
    case dsize, ttl, ipIdentifier, ipProtocol, ipOption, typeOfService, sameAddress, fragmentBits
    case fragmentOffset, tcpFlags, sequence, acknowledgement, window, segmentSize, icmpType
    case icmpCode, icmpIdentifier, icmpSequence, streamClient, streamServer, streamBoth
    case streamEither
  }

  var subject: Subject
  var isNegated = false
  var mode: UInt8 = 0
  var low: UInt32 = 0
  var high: UInt32 = 0

  @inline(__always) func accepts(_ value: UInt32) -> Bool {
    (value >= low && value <= high) != isNegated
  }

  /// `low` holds the bits, `high` those that do not matter.
  func accepts(flags: UInt8) -> Bool {
    FlagTest(
      bits: UInt8(truncatingIfNeeded: low), ignored: UInt8(truncatingIfNeeded: high),
      mode: FlagTest.Mode(rawValue: mode) ?? .exactly
    ).accepts(flags)
  }
}

/// See `ApplicationCondition`.
struct ApplicationTest: BitwiseCopyable {
  enum Subject: UInt8 {
    case isProtocol, tlsVersion, event
  }

  var subject: Subject
  var isNegated = false
  /// The protocol's code, or the event's place.
  var value: UInt16 = 0
  /// Versions, in `names`.
  var versions = Span()
}

/// A test or a change of what matches leave behind; see `StateCondition`, `StateChange`.
struct StateRecord: BitwiseCopyable {
  enum Subject: UInt8 {
    case flowBit, sourceBit, destinationBit, pairBit, number, numberExists
  }

  var subject: Subject
  /// Tests: whether it must be set; `BitChange` or `NumberChange` of changes; comparison of
  /// numbers.
  var operation: UInt8 = 0
  var isNegated = false
  /// Names, in `names`.
  var names = Span()
  var value: UInt32 = 0
  var seconds: UInt32 = 0
}

/// A threshold or a detection filter.
struct RateRecord: BitwiseCopyable {
  /// `Threshold.Kind`.
  var kind: UInt8 = 0
  /// `RateSubject`.
  var subject: UInt8 = 0
  var count: UInt32 = 1
  var seconds: UInt32 = 60
}

/// Conditions on one buffer.
struct GroupRecord: BitwiseCopyable {
  /// Place in `StickyBuffer.allCases`.
  var buffer: UInt8 = 0
  /// The only transform is the dot before.
  var isDotted = false
  var steps = Span()
  /// In `transforms`.
  var transforms = Span()
}

struct AddressRange: BitwiseCopyable {
  var first: IPAddress
  var last: IPAddress
}

struct PortRange: BitwiseCopyable {
  var first: UInt16
  var last: UInt16
}
