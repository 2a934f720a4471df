import Terms

extension FlowEvent {
  /// The transports that engines tell apart.
  @frozen public enum TransportGroup: UInt8, Sendable, CaseIterable {
    case tcp, udp
    /// ICMP and ICMPv6.
    case icmp
    case sctp
    /// Any other protocol, and none.
    case other

    @inlinable public init(_ transport: TransportProtocol) {
      switch transport.number {
      case 6: self = .tcp
      case 17: self = .udp
      case 1, 58: self = .icmp
      case 132: self = .sctp
      default: self = .other
      }
    }

    /// The group's raw value, without a branch for the usual ones: packets of all transports come in
    /// any order, so the value's bits stand in three words, by the protocol's number.
    @inlinable @inline(__always) static func rawValue(of transport: TransportProtocol) -> UInt64 {
      let number = UInt64(transport.number)
      guard number < 64 else { return number == 132 ? 3 : 4 }
      let ones = (1 << 17 as UInt64) &>> number & 1
      let twos = (1 << 1 | 1 << 58 as UInt64) &>> number & 1
      let fours = ~(1 << 6 | 1 << 17 | 1 << 1 | 1 << 58 as UInt64) &>> number & 1
      return ones | twos &<< 1 | fours &<< 2
    }
  }

  /// One class for kind and transport, and `reflexive` where source and target are the same.
  @inlinable public var classes: EventClasses {
    let bit = UInt64(kind.rawValue) &* 5 &+ TransportGroup.rawValue(of: transport)
    let difference = source.high ^ target.high | source.low ^ target.low
    let reflexive = difference == 0 ? EventClasses.reflexive.rawValue : 0
    return EventClasses(rawValue: 1 &<< bit | reflexive)
  }
}

extension EventClasses {
  /// Flow events of these kinds, over these transports only where any are given.
  public static func flow(
    _ kinds: FlowEvent.Kind..., over transports: FlowEvent.TransportGroup...
  ) -> EventClasses {
    let groups = transports.isEmpty ? FlowEvent.TransportGroup.allCases : transports
    var bits: UInt64 = 0
    for kind in kinds {
      for group in groups { bits |= 1 << UInt64(kind.rawValue * 5 + group.rawValue) }
    }
    return EventClasses(rawValue: bits)
  }

  /// Flow events of any kind whose source is their own target.
  @inlinable public static var reflexive: EventClasses { EventClasses(rawValue: 1 << 63) }
}
