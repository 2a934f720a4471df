import Foundation
import Signatures

/// `beryl rules check` for people.
struct RuleCheckTable {
  /// Places shown of each group.
  private static let placeLimit = 3

  private let rules: RuleSet
  private let showsAll: Bool

  init(_ rules: RuleSet, showsAll: Bool) {
    self.rules = rules
    self.showsAll = showsAll
  }

  var text: String {
    let rows = rules.unsupported
    let total = rules.rules.count + rows.count
    let share = total == 0 ? 100 : Double(rules.rules.count) * 100 / Double(total)
    var lines = [
      "\(rules.rules.count) of \(total) rules supported"
        + (rows.isEmpty
          ? "" : String(format: " (%.2f %%), %d not", floor(share * 100) / 100, rows.count))
        + (rules.disabledCount == 0 ? "" : "; \(rules.disabledCount) disabled by #")
    ]
    if showsAll {
      lines += rows.map { row in
        "\(row.file):\(row.line):\(row.column): \(shown(row))\(number(row))"
      }
    } else {
      lines += groups(rows)
    }
    return lines.joined(separator: "\n")
  }

  /// The largest group first.
  private func groups(_ rows: [UnsupportedRule]) -> [String] {
    let groups = Dictionary(grouping: rows) { shown($0, grouped: true) }
    let ordered = groups.sorted {
      ($1.value.count, $0.key) < ($0.value.count, $1.key)
    }
    return ordered.flatMap { title, rows in
      var lines = ["", "\(rows.count) × \(title)"]
      lines += rows.prefix(Self.placeLimit).map { row in
        "  \(row.file):\(row.line):\(row.column)\(number(row))"
      }
      if rows.count > Self.placeLimit {
        lines.append("  and \(rows.count - Self.placeLimit) more: --all lists them")
      }
      return lines
    }
  }

  private func shown(_ row: UnsupportedRule, grouped: Bool = false) -> String {
    // Which rule has the number is of no use to a group.
    let reason =
      grouped && row.keyword == "sid" ? String(row.reason.prefix { $0 != "," }) : row.reason
    return row.keyword.isEmpty ? reason : "\(row.keyword): \(reason)"
  }

  private func number(_ row: UnsupportedRule) -> String {
    row.signature.map { " (sid \($0))" } ?? ""
  }
}
