import Reports
import Terms

extension Expectation {
  /// Holds the expectation against `rows`; `start` is the first packet of the replay in UTC epoch
  /// seconds.
  public func evaluate(_ rows: [ReportRow], start: Double) -> ExpectationResult {
    let matches = rows.filter { misses(of: $0, start: start).isEmpty }
    let least = mode == .forbid ? 0 : leastCount ?? 1
    let most = mode == .forbid ? 0 : mostCount ?? Int.max
    var reason = ""
    if matches.count > most {
      let shown = matches.prefix(3).map { Self.brief($0, start: start) }.joined(separator: "; ")
      let rest = matches.count > 3 ? "; and \(matches.count - 3) more" : ""
      reason = mode == .forbid ? "found " : "found \(matches.count), at most \(most): "
      reason += shown + rest
    } else if matches.count < least {
      let found = matches.isEmpty ? "" : "found \(matches.count) of \(least); "
      reason = found + nearestMiss(rows.filter { !matches.contains($0) }, start: start)
    }
    return ExpectationResult(
      expectation: description, mode: mode.rawValue, held: reason.isEmpty, reason: reason,
      matches: matches.map(\.id))
  }

  /// The conditions that `row` does not meet, in words; empty when it fits. A wrong kind is the
  /// only miss named.
  func misses(of row: ReportRow, start: Double) -> [String] {
    guard ReportKind(row.kind).matches(kind) else { return ["kind \(row.kind)"] }
    var misses: [String] = []
    if let tier, row.tier != tier.rawValue { misses.append("needs tier \(tier.rawValue)") }
    if let monitor, row.monitor != monitor.text { misses.append("needs monitor \(monitor)") }
    misses += Self.misses("source", sources, row.sources, row.count.sources)
    misses += Self.misses("target", targets, row.targets, row.count.targets)
    if let leastSeverity, row.severity < leastSeverity {
      misses.append(
        "severity \(Figures.short(row.severity)), needs \(Figures.short(leastSeverity))")
    }
    for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
      guard let found = row.attributes[name] else {
        misses.append("no attribute \(name), needs \(value)")
        continue
      }
      if !Self.equals(found, value) { misses.append("\(name) \(found), needs \(value)") }
    }
    return misses + timeMisses(of: row, start: start)
  }

  private func timeMisses(of row: ReportRow, start: Double) -> [String] {
    // Result times are cut to the microsecond: allow for it.
    let raised = row.raised - start
    let opening = since?.seconds ?? 0
    if since != nil, raised < opening - 2e-6 {
      return ["raised \(Figures.offset(raised)), before \(Figures.offset(opening))"]
    }
    if let within, raised > opening + within.seconds + 2e-6 {
      return ["raised \(Figures.offset(raised)), needs \(Figures.offset(opening + within.seconds))"]
    }
    return []
  }

  private static func misses(
    _ noun: String, _ parties: Parties, _ listed: [String], _ count: Int
  ) -> [String] {
    var misses: [String] = []
    if let least = parties.atLeast, count < least {
      misses.append("\(Figures.counted(count, noun)), needs \(least)")
    }
    if let most = parties.atMost, count > most {
      misses.append("\(Figures.counted(count, noun)), allows \(most)")
    }
    let named = listed.compactMap { IPPrefix($0) }
    for wanted in parties.includes where !named.contains(where: { $0.overlaps(wanted) }) {
      misses.append("no \(noun) \(wanted)")
    }
    return misses
  }

  private static func equals(_ found: ResultValue, _ wanted: String) -> Bool {
    if found.description == wanted { return true }
    switch found {
    case .integer(let number): return Double(wanted) == Double(number)
    case .number(let number):
      return Double(wanted) == number || TimeSpan(wanted)?.seconds == number
    case .text: return false
    }
  }

  /// The report that came closest: right kind and fewest conditions missed, else the same family,
  /// else nothing.
  private func nearestMiss(_ rows: [ReportRow], start: Double) -> String {
    let candidates = rows.filter { ReportKind($0.kind).matches(kind) }
    let scored = candidates.map { (row: $0, misses: misses(of: $0, start: start)) }
    if let best = scored.min(by: { $0.misses.count < $1.misses.count }) {
      return "best candidate: \(Self.brief(best.row, start: start)): "
        + best.misses.joined(separator: "; ")
    }
    let family = String(ReportKind(kind).family) + "."
    if let relative = rows.first(where: { $0.kind.hasPrefix(family) }) {
      return "no \(kind); nearest: \(Self.brief(relative, start: start))"
    }
    let kinds = Set(rows.map(\.kind)).sorted()
    guard !kinds.isEmpty else { return "no \(kind); no other report either" }
    return "no \(kind) among \(Figures.counted(rows.count, "report")) of "
      + kinds.prefix(5).joined(separator: ", ") + (kinds.count > 5 ? ", …" : "")
  }

  /// `recon.distributed-scan at domain hq with 12 sources, 1 target, severity 6, raised +31s`.
  private static func brief(_ row: ReportRow, start: Double) -> String {
    "\(row.kind) at \(row.tier) \(row.monitor) with "
      + "\(Figures.counted(row.count.sources, "source")), "
      + "\(Figures.counted(row.count.targets, "target")), "
      + "severity \(Figures.short(row.severity)), raised \(Figures.offset(row.raised - start))"
  }
}
