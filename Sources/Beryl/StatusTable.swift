import Foundation

/// `beryl status` for people.
struct StatusTable {
  private let rows: [StatusRow]

  init(_ rows: [StatusRow]) { self.rows = rows }

  var text: String {
    var table = [
      [
        "monitor", "tier", "parent", "lane", "watermark", "received", "produced", "kept",
        "passed up",
        "spool", "packets/s", "reports/s", "children", "losses",
      ]
    ]
    for row in rows { table += cells(row) }
    let widths = table[0].indices.map { column in table.map { $0[column].count }.max() ?? 0 }
    return table.map { cells in
      zip(cells, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
        .joined(separator: "  ")
        .trimmingCharacters(in: .whitespaces)
    }.joined(separator: "\n")
  }

  private func cells(_ row: StatusRow) -> [[String]] {
    if let problem = row.problem {
      return [[row.monitor, row.tier, "-", "-", problem, "", "", "", "", "", "", "", "", ""]]
    }
    return row.lanes.enumerated().map { index, lane in
      let isFirst = index == 0
      return [
        isFirst ? row.monitor : "", isFirst ? row.tier : "",
        isFirst ? above(row) : "", lane.name, watermark(lane), "\(lane.received)",
        "\(lane.produced)", "\(lane.kept)", passedUp(lane), "\(lane.spooled)",
        isFirst && row.tier == "local" ? String(format: "%.0f", row.packetRate) : "",
        isFirst ? String(format: "%.1f", row.reportRate) : "", isFirst ? children(row) : "",
        isFirst ? losses(row) : "",
      ]
    }
  }

  private func above(_ row: StatusRow) -> String {
    let parent = row.parent ?? (row.isReady ? "root" : "none")
    let peers = Set(row.peers.map { $0.linked ? $0.name : "\($0.name) (away)" }).sorted()
    return peers.isEmpty ? parent : "\(parent) ↔ " + peers.joined(separator: ", ")
  }

  /// How many reports went up, and that as a share of what came in.
  private func passedUp(_ lane: StatusRow.Lane) -> String {
    guard let share = lane.passedUp else { return "\(lane.sent)" }
    return "\(lane.sent) (\(String(format: "%.0f", share * 100)) %)"
  }

  private func watermark(_ lane: StatusRow.Lane) -> String {
    if lane.isEnded { return "ended" }
    guard let seconds = lane.watermark else { return "none yet" }
    return Date(timeIntervalSince1970: seconds).formatted(.iso8601)
  }

  private func children(_ row: StatusRow) -> String {
    row.children.map { child in
      child.connected ? child.name : child.name + (child.alive ? " (away)" : " (dead)")
    }.joined(separator: ", ")
  }

  private func losses(_ row: StatusRow) -> String {
    row.losses.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
  }
}
