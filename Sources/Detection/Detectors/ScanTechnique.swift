import Flows
import Terms

/// How a port scan probes, as the schema's `technique` spells it.
enum ScanTechnique: Int, CaseIterable, Sendable {
  case syn, connect, fin, null, xmas, ack, maimon, udp, synFin, odd, sctp, ipProtocol, other
  case synAck

  var text: String {
    switch self {
    case .synFin: "syn-fin"
    case .synAck: "syn-ack"
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
    case .fin, .null, .xmas, .synFin, .odd, .synAck: false
    }
  }

  /// Whether a flow is over that was but an answer without a question (SYN/ACK) and its reset, if the
  /// host sent one; the answer's receiver stands as the flow's source.
  static func isUnasked(_ event: UnsafePointer<FlowEvent>) -> Bool {
    guard event.pointee.probe == .midstream, !event.pointee.isEstablished,
      event.pointee.payloadIn | event.pointee.payloadOut == 0, event.pointee.totalPacketsIn > 0
    else { return false }
    return event.pointee.totalPacketsOut == 0
      || event.pointee.totalPacketsOut == 1 && event.pointee.ending == .reset
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
