import Flows

/// How a port scan probes, as the schema's `technique` spells it.
enum ScanTechnique: Int, CaseIterable, Sendable {
  case syn, connect, fin, null, xmas, ack, maimon, udp, other

  var text: String { "\(self)" }

  /// Techniques that a source's ordinary sessions leave traces of, so that its successes weigh
  /// against them.
  var isOrdinary: Bool {
    switch self {
    case .syn, .connect, .ack, .maimon, .udp, .other: true
    case .fin, .null, .xmas: false
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
      case .synFin, .midstream, .otherTCP, .icmpEcho, .icmpOther, .sctpInit, .ip, .none: .other
      }
  }
}
