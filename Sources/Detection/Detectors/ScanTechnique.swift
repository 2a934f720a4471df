import Flows
import Terms

/// How a port scan probes, as the schema's `technique` spells it.
enum ScanTechnique: Int, CaseIterable, Sendable {
  case syn, connect, fin, null, xmas, ack, maimon, udp, synFin, odd, sctp, ipProtocol, other

  var text: String {
    switch self {
    case .synFin: "syn-fin"
    case .odd: "odd-flags"
    case .sctp: "sctp-init"
    case .ipProtocol: "ip-protocol"
    default: "\(self)"
    }
  }

  /// The transport of its probes; nil where there are several.
  var transport: TransportProtocol? {
    switch self {
    case .udp: .udp
    case .sctp: .sctp
    case .ipProtocol, .other: nil
    default: .tcp
    }
  }

  /// What a probe knocks at: a port, or the number of an IP protocol.
  func door(_ event: UnsafePointer<FlowEvent>) -> UInt16 {
    self == .ipProtocol ? UInt16(event.pointee.transport.number) : event.pointee.targetPort
  }

  /// Techniques that a source's ordinary sessions leave traces of, so that its successes weigh
  /// against them.
  var isOrdinary: Bool {
    switch self {
    case .syn, .connect, .ack, .maimon, .udp, .sctp, .ipProtocol, .other: true
    case .fin, .null, .xmas, .synFin, .odd: false
    }
  }

  init(_ probe: FlowEvent.Probe) {
    self =
      switch probe {
      case .syn: .syn
      case .fin: .fin
      case .null: .null
      case .xmas: .xmas
      case .ack: .ack
      case .maimon: .maimon
      case .udp: .udp
      case .synFin: .synFin
      case .odd: .odd
      case .sctpInit, .sctpOther: .sctp
      case .ip: .ipProtocol
      case .midstream, .otherTCP, .icmpEcho, .icmpOther, .none: .other
      }
  }
}
