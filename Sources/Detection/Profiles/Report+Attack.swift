import Reports

extension Report {
  /// A detection above informational of somebody's doing: not of a state, an oddity or the monitor
  /// itself.
  var namesAttack: Bool {
    guard reportClass == .detection, severity > Report.informationalSeverity else { return false }
    switch kind.family {
    case "anomaly", "exposure", "health": return false
    default: return true
    }
  }

  /// The order in which reports are handed over and heard.
  static func precedes(_ left: Report, _ right: Report) -> Bool {
    if left.emitted != right.emitted { return left.emitted < right.emitted }
    return (left.id, left.revision) < (right.id, right.revision)
  }
}
