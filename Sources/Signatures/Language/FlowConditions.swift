/// `flow:established,to_server`.
public struct FlowCondition: Sendable, Hashable {
  public enum Direction: UInt8, Sendable {
    case toServer, toClient
  }

  /// Which way the packet or message goes; nil for either.
  public var direction: Direction?
  /// The flow must be established (true) or must not be (false). For TCP after the handshake, for
  /// others once both ends have spoken.
  public var isEstablished: Bool?
  /// Packets of no flow answer too.
  public var isStateless = false

  public init() {}
}

/// A test of what earlier matches have left.
public enum StateCondition: Sendable, Hashable {
  /// flowbits:isset and isnotset; with several names one of them is enough.
  case flowBit(names: [String], isSet: Bool)
  /// xbits and hostbits.
  case hostBit(name: String, subject: StateSubject, isSet: Bool)
  case flowNumber(name: String, comparison: ByteTest.Operation, isNegated: Bool, value: UInt32)
  /// flowint:name,isset.
  case flowNumberExists(name: String, isSet: Bool)
}

/// What a match leaves for later ones.
public enum StateChange: Sendable, Hashable {
  case flowBit(name: String, BitChange)
  /// Expires after so many seconds; Suricata's standard is 30 for xbits and 300 for hostbits.
  case hostBit(name: String, subject: StateSubject, BitChange, seconds: UInt32)
  case flowNumber(name: String, NumberChange, value: UInt32)
}

public enum BitChange: UInt8, Sendable {
  case set, unset, toggle
}

public enum NumberChange: UInt8, Sendable {
  case set, add, subtract
}

/// Who a bit belongs to.
public enum StateSubject: UInt8, Sendable {
  case source, destination, pair
}

/// How often a rule reports: `threshold:type limit, track by_src, count 1, seconds 60`.
public struct Threshold: Sendable, Hashable {
  public enum Kind: UInt8, Sendable {
    /// The first `count` matches of each period.
    case limit
    /// Every `count`-th match of a period.
    case threshold
    /// Once a period, after `count` matches.
    case both
  }

  public var kind = Kind.limit
  public var subject = RateSubject.source
  public var count: UInt32 = 1
  public var seconds: UInt32 = 60

  public init() {}
}

/// Reports only from the match after the first `count` within `seconds`.
public struct DetectionFilter: Sendable, Hashable {
  public var subject = RateSubject.source
  public var count: UInt32 = 1
  public var seconds: UInt32 = 60

  public init() {}
}

/// What matches are counted by.
public enum RateSubject: UInt8, Sendable {
  case source, destination, both, rule, flow
}
