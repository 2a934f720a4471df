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

    /// The group's raw value, without a branch: packets of all transports come in any order.
    @inlinable static func rawValue(of transport: TransportProtocol) -> UInt8 {
      let number = transport.number
      let tcp: UInt8 = number == 6 ? 4 : 0
      let udp: UInt8 = number == 17 ? 3 : 0
      let icmp: UInt8 = number == 1 || number == 58 ? 2 : 0
      let sctp: UInt8 = number == 132 ? 1 : 0
      return 4 &- tcp &- udp &- icmp &- sctp
    }
  }

  /// One class for kind and transport, and `reflexive` where source and target are the same.
  @inlinable public var classes: EventClasses {
    let bit = kind.rawValue &* 5 &+ TransportGroup.rawValue(of: transport)
    let reflexive = source == target ? EventClasses.reflexive.rawValue : 0
    return EventClasses(rawValue: 1 &<< UInt64(bit) | reflexive)
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
