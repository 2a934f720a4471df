import Reports
import Terms

/// What is asked of all acts at once, beside them: to look into each would go far. The lesser gives
/// way first.
struct ChainHead: Comparable, Sendable, Codable {
  let id: ReportID
  let slot: Int32
  /// false for a slot that is vacant.
  var isLive = true
  /// Whether its campaign was told of, once that was asked.
  var isTold = false
  /// The campaign that it belongs to.
  var campaign: Int?
  /// How much of a host it gives.
  private var level: Int
  private var last: CaptureTime

  init(_ act: ChainAct, _ slot: Int32) {
    id = act.id
    self.slot = slot
    level = act.level
    last = act.report.last
  }

  /// The act was revised.
  mutating func note(_ act: ChainAct) {
    level = act.level
    last = act.report.last
  }

  static func < (left: ChainHead, right: ChainHead) -> Bool {
    if left.isTold != right.isTold { return right.isTold }
    return (left.level, left.last, left.id) < (right.level, right.last, right.id)
  }
}

extension ChainAct {
  /// The most that it gives of a host; more than any foothold where it took some.
  fileprivate var level: Int { taken.isEmpty ? gives.target?.level ?? 0 : 4 }
}
