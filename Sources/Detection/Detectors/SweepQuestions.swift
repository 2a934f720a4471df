import Flows
import Terms

/// What a sweep asks with.
struct SweepQuestions: Sendable {
  private enum Kind: UInt8, CaseIterable {
    case echo, timestamp, mask, arp, neighbour

    /// As the schema's `technique` spells it.
    var text: String {
      switch self {
      case .echo: "icmp-echo"
      case .timestamp: "icmp-timestamp"
      case .mask: "icmp-mask"
      case .arp: "arp"
      case .neighbour: "neighbour-solicitation"
      }
    }

    @inline(__always) init(_ event: UnsafePointer<FlowEvent>) {
      if event.pointee.kind == .arp {
        self = event.pointee.target.isIPv4 ? .arp : .neighbour
      } else if event.pointee.probe == .icmpEcho {
        self = .echo
      } else {
        self = event.pointee.targetPort >> 8 == 13 ? .timestamp : .mask
      }
    }
  }

  /// A bit per kind.
  private var bits: UInt8 = 0

  @inline(__always) mutating func note(_ event: UnsafePointer<FlowEvent>) {
    bits |= 1 << Kind(event).rawValue
  }

  private func contains(_ kind: Kind) -> Bool { bits >> kind.rawValue & 1 == 1 }

  /// Whether neighbours are asked for by ARP or its successor: nothing leaves the segment.
  @inline(__always) var isARP: Bool { contains(.arp) || contains(.neighbour) }

  /// The name; of several questions the first in the order of `Kind`.
  var text: String { Kind.allCases.first(where: contains)?.text ?? "" }
}
