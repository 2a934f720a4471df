extension Derivation: CustomStringConvertible {
  /// Summary rows of an evidence report that are told.
  static let rowLimit = 8
  /// Packet numbers told per line.
  static let packetLimit = 16

  /// The tree as text: a line per report, then its terms and packets, then what it is derived
  /// from, indented.
  public var description: String { lines(parent: nil).joined(separator: "\n") }

  private func lines(parent: ReportRow?) -> [String] {
    guard let report else { return ["\(id.prefix(8))  not in these archives"] }
    switch state {
    case .seen: return [Self.head(report) + "  (see above)"]
    case .cut: return [Self.head(report) + "  (not followed further)"]
    case .told, .missing: break
    }
    var branches: [[String]] = []
    if let assessment = report.assessment {
      branches += assessment.branches(
        risk: report.risk, severity: report.severity, reportConfidence: report.confidence)
    }
    branches += report.terms.map { [Self.line($0)] }
    branches += Self.attributes(report)
    // An evidence report's packets stand in its rows.
    branches += report.evidence
      .filter { !$0.packets.isEmpty || report.summary == nil }.map { [Self.line($0)] }
    branches += Self.rows(report, parent: parent)
    if !report.coverage.silent.isEmpty {
      branches.append(["without \(report.coverage.silent.joined(separator: ", ")) (silent)"])
    }
    if report.coverage.loss > 0 {
      branches.append(["\(Figures.short(report.coverage.loss * 100)) % lost on the way"])
    }
    // Rows of evidence are told as those of the parties of the nearest verdict above.
    let eyes = report.class == "evidence" ? parent ?? report : report
    let mute = mute(for: eyes)
    branches += derivedFrom.filter { !mute.contains($0.id) }.map { $0.lines(parent: eyes) }
    if !mute.isEmpty {
      branches.append(["… \(Figures.counted(mute.count, "evidence report")) without a row of this"])
    }
    return [Self.head(report)] + Self.tree(branches)
  }

  /// The evidence below in which no row concerns `parent`, while other evidence has such rows: a
  /// summary of a whole segment stands behind its domain's even when only its neighbour's row
  /// matters.
  private func mute(for parent: ReportRow) -> Set<String> {
    let evidence = derivedFrom.filter { $0.report?.summary != nil }
    let mute = evidence.filter { child in
      child.report?.summary?.contains { $0.concerns(parent) } == false
    }
    return mute.count == evidence.count ? [] : Set(mute.map(\.id))
  }

  /// Draws branches under a line.
  private static func tree(_ branches: [[String]]) -> [String] {
    var lines: [String] = []
    for (index, branch) in branches.enumerated() {
      let isLast = index == branches.count - 1
      for (number, line) in branch.enumerated() {
        lines.append((number == 0 ? (isLast ? "└─ " : "├─ ") : (isLast ? "   " : "│  ")) + line)
      }
    }
    return lines
  }

  /// `enterprise acme  worm.outbreak  10.0.0.1 +3 → 10.0.1.0/24 +9  severity 9, confidence 0.8
  /// [1f0c2a9b]`
  private static func head(_ row: ReportRow) -> String {
    let parties = [
      ResultSummary.brief(row.sources, of: row.count.sources),
      ResultSummary.brief(row.targets, of: row.count.targets),
    ]
    var line = "\(row.tier) \(row.monitor)  \(row.kind)"
    if row.class == "evidence" {
      return line + "  epoch to \(Figures.time(row.emitted))  [\(row.id.prefix(8))]"
    }
    line += "  \(parties[0]) → \(parties[1])"
    if !row.ports.isEmpty {
      line += " ports \(ResultSummary.brief(row.ports.map { "\($0)" }, of: row.ports.count))"
    }
    line += "  severity \(Figures.short(row.severity)), confidence \(Figures.short(row.confidence))"
    if row.revision > 0 { line += ", revision \(row.revision)" }
    if let exercise = row.exercise { line += ", drill \(exercise)" }
    return line + "  [\(row.id.prefix(8))]"
  }

  private static func line(_ term: ReportRow.TermRow) -> String {
    let unit = term.unit.isEmpty ? "" : " " + term.unit
    guard let threshold = term.threshold else {
      return "\(term.name) \(Figures.short(term.value))\(unit)"
    }
    let relation = term.value >= threshold ? "≥" : "<"
    return
      "\(term.name) \(Figures.short(term.value)) \(relation) \(Figures.short(threshold))\(unit)"
  }

  private static func attributes(_ row: ReportRow) -> [[String]] {
    guard !row.attributes.isEmpty else { return [] }
    let parts = row.attributes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    return [[parts.joined(separator: ", ")]]
  }

  private static func line(_ evidence: ReportRow.EvidenceRow) -> String {
    let capture = evidence.capture.isEmpty ? "capture of \(evidence.monitor)" : evidence.capture
    return "\(capture) \(packets(evidence.packets))"
  }

  private static func packets(_ packets: [UInt64]) -> String {
    guard !packets.isEmpty else { return "no packets kept" }
    let shown = packets.prefix(packetLimit).map { "\($0)" }.joined(separator: ", ")
    let rest = packets.count - packetLimit
    return "packet" + (packets.count == 1 ? " " : "s ") + shown + (rest > 0 ? ", … +\(rest)" : "")
  }

  /// The rows that concern the deriving report; all when none does.
  private static func rows(_ row: ReportRow, parent: ReportRow?) -> [[String]] {
    guard let summary = row.summary else { return [] }
    let concerned = parent.map { parent in summary.filter { $0.concerns(parent) } } ?? []
    let chosen = concerned.isEmpty ? summary : concerned
    var lines = chosen.prefix(rowLimit).map { [line($0, of: row)] }
    let rest = chosen.count - lines.count
    if rest > 0 { lines.append(["… \(Figures.counted(rest, "row")) more"]) }
    return lines
  }

  private static func line(_ row: SummaryRow, of report: ReportRow) -> String {
    let peers = ResultSummary.brief(row.peers, of: row.peerCount)
    let service = row.port == 0 ? row.transport : "\(row.transport)/\(row.port)"
    let counts = "\(row.contacts) first contacts, \(row.failures) failed"
    let parties = row.source.map { "\($0) → \(peers)" } ?? "\(peers) → \(row.target ?? "?")"
    var line = row.text ?? "\(parties) \(service): \(counts)"
    if row.text == nil, row.target != nil, let segment = row.segment {
      line += ", seen in \(segment)"
    }
    guard report.tier == "local", !row.packets.isEmpty else { return line }
    let capture = report.evidence.first?.capture ?? ""
    return line + "; " + (capture.isEmpty ? "capture of \(report.monitor)" : capture)
      + " \(packets(row.packets))"
  }
}
