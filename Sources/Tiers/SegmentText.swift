import Flows
import Foundation
import Reports
import Scenarios
import Terms

/// What `beryl-local --read` prints for people.
struct SegmentText {
  private static let talkerCount = 8
  /// Kinds left out by a filter that are named.
  private static let hiddenCount = 4

  let style: TextStyle
  /// Terms and evidence of each report as well.
  let explains: Bool

  /// Everything, in the order in which one wants to read it.
  ///
  /// - Parameters:
  ///   - reports: those to show, newest revision of each.
  ///   - hidden: the kinds of those that a filter leaves out.
  func page(
    _ reports: [Report], hidden: [ReportKind], census: SegmentCensus, statistics: FlowStatistics
  ) -> String {
    var parts = [header(census)].compactMap(\.self)
    if !reports.isEmpty { parts.append(list(reports)) }
    parts.append(summary(reports, hidden: hidden))
    if !census.hosts.isEmpty { parts.append(talkers(census)) }
    let hints = SegmentHints.hints(census, statistics)
    if !hints.isEmpty {
      parts.append(hints.map { style.paint("hint", .cyan) + "  \($0)\n" }.joined())
    }
    return parts.joined(separator: "\n")
  }

  /// When the capture was made, and how long.
  private func header(_ census: SegmentCensus) -> String? {
    guard let first = census.first, let last = census.last else { return nil }
    let day = Date(timeIntervalSince1970: first.seconds).formatted(.iso8601.year().month().day())
    return style.paint("\(day) \(Self.clock(first)) UTC", .bold)
      + ", \(census.frames) packets in \(SegmentText.number((last - first).seconds)) s\n"
  }

  // MARK: Reports

  private func list(_ reports: [Report]) -> String {
    let width = reports.map(\.kind.text.count).max() ?? 0
    let ends = reports.map { Self.ends($0).count }.max() ?? 0
    return reports.map { report in
      row(report, width: width, ends: min(ends, 56)) + (explains ? explanation(report) : "")
    }.joined()
  }

  private static func ends(_ report: Report) -> String {
    let ports = report.ports.isEmpty ? "" : " \(ports(report))"
    return "\(hosts(report.sources)) → \(hosts(report.targets))\(ports)"
  }

  private func row(_ report: Report, width: Int, ends: Int) -> String {
    let said = Self.attributes(report)
    return "\(Self.clock(report.first))  \(style.severity(report.severity))"
      + " \(style.paint(report.kind.text.padded(to: width), .bold))  "
      + Self.ends(report).padded(to: ends)
      + (said.isEmpty ? "" : "  " + style.paint(said, .faint))
      + style.paint("  \(Self.span(report.last - report.first))", .faint) + "\n"
  }

  private func explanation(_ report: Report) -> String {
    var lines: [String] = []
    for term in report.terms {
      let unit = term.unit.isEmpty ? "" : " \(term.unit)"
      let limit =
        term.threshold.map { ", \(term.value >= $0 ? "≥" : "<") threshold \(Self.number($0))" }
        ?? ""
      lines.append("because  \(term.name) \(Self.number(term.value))\(unit)\(limit)")
    }
    lines.append(
      "so       confidence \(Int((report.confidence * 100).rounded())) %, "
        + "severity \(Self.number(report.severity)) of 10, revision \(report.revision)")
    for evidence in report.evidence where !evidence.packets.isEmpty {
      // Programs for people count packets from 1.
      let packets = evidence.packets.map { "\($0 + 1)" }.joined(separator: " ")
      lines.append("packets  \(packets)")
    }
    lines.append("id       \(report.id)")
    return lines.map { "              \(style.paint($0, .faint))\n" }.joined()
  }

  // MARK: Summary

  /// How many reports are not shown, and of which kinds most are.
  private static func leftOut(_ hidden: [ReportKind]) -> String {
    let counts = Dictionary(hidden.map { ($0, 1) }, uniquingKeysWith: +)
      .sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    let names = counts.prefix(hiddenCount).map { "\($0.value) \($0.key)" }
    return "\(hidden.count) of other kinds not shown: " + names.joined(separator: ", ")
      + (counts.count > hiddenCount ? ", …" : "")
  }

  private func summary(_ reports: [Report], hidden: [ReportKind]) -> String {
    let note = hidden.isEmpty ? "" : " (\(Self.leftOut(hidden)))"
    guard !reports.isEmpty else {
      return style.paint("Nothing to report", .bold) + note + "\n"
    }
    let kinds = Dictionary(grouping: reports, by: \.kind)
    let width = kinds.keys.map(\.text.count).max() ?? 0
    var text = style.paint("Summary", .bold) + note + "\n"
    let order = kinds.sorted {
      (Self.worst($1.value), $0.key) < (Self.worst($0.value), $1.key)
    }
    for (kind, reports) in order {
      let first = reports.map(\.first).min() ?? .distantPast
      let last = reports.map(\.last).max() ?? .distantPast
      text +=
        "  \(style.severity(Self.worst(reports))) \(kind.text.padded(to: width))"
        + "  \("\(reports.count)".padded(to: 5, isRight: true))"
        + "  \(Self.clock(first)) – \(Self.clock(last))\n"
    }
    return text
  }

  private static func worst(_ reports: [Report]) -> Double {
    reports.map(\.severity).max() ?? 0
  }

  private func talkers(_ census: SegmentCensus) -> String {
    let talkers = census.talkers(Self.talkerCount)
    let width = talkers.map(\.host.description.count).max() ?? 0
    var text = style.paint("Top talkers", .bold) + " of \(census.hosts.count) hosts\n"
    for (host, talker) in talkers {
      text +=
        "  \(host.description.padded(to: width))"
        + "  sent \(Self.bytes(talker.bytesOut).padded(to: 9, isRight: true))"
        + " in \("\(talker.packetsOut)".padded(to: 7, isRight: true)) packets"
        + "  received \(Self.bytes(talker.bytesIn).padded(to: 9, isRight: true))"
        + " in \("\(talker.packetsIn)".padded(to: 7, isRight: true))\n"
    }
    return text
  }

  // MARK: Pieces

  private static func clock(_ time: CaptureTime) -> String {
    Date(timeIntervalSince1970: time.seconds).formatted(
      .iso8601.time(includingFractionalSeconds: true))
  }

  private static func hosts(_ set: AddressSet) -> String {
    list(set.listed, of: set.count)
  }

  private static func list<Item: CustomStringConvertible>(_ items: [Item], of count: Int) -> String
  {
    guard !items.isEmpty else { return "?" }
    let shown = items.prefix(3).map(\.description).joined(separator: ",")
    return count > 3 ? "\(shown),… (\(count))" : shown
  }

  private static func ports(_ report: Report) -> String {
    let name = report.transport.map { "\($0)".lowercased() } ?? "port"
    let isCut = report.ports.count >= Report.Limit.ports
    return "\(name)/\(list(report.ports, of: report.ports.count))\(isCut ? "+" : "")"
  }

  private static func attributes(_ report: Report) -> String {
    report.attributes.prefix(5).map { key, value in
      let text = Self.harmless("\(ResultValue(value))")
      return "\(key)=\(text.count > 40 ? String(text.prefix(39)) + "…" : text)"
    }.joined(separator: " ")
  }

  /// Text off the wire without the characters that move a terminal's cursor or hide what follows.
  static func harmless(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { scalar in
          switch scalar.properties.generalCategory {
          case .control, .format, .surrogate, .unassigned, .lineSeparator, .paragraphSeparator: "·"
          default: scalar
          }
        }))
  }

  static func number(_ value: Double) -> String {
    if value == value.rounded(), abs(value) < 1e15 { return "\(Int64(value))" }
    return String(format: abs(value) < 10 ? "%.2f" : "%.1f", value)
  }

  private static func span(_ span: TimeSpan) -> String {
    let seconds = span.seconds
    if seconds < 0.1 { return "" }
    if seconds < 100 { return String(format: "%.1f s", seconds) }
    return seconds < 7200
      ? String(format: "%.0f min", seconds / 60) : String(format: "%.1f h", seconds / 3600)
  }

  static func bytes(_ count: UInt64) -> String {
    var value = Double(count)
    for unit in ["B", "kB", "MB", "GB"] {
      if value < 1000 { return unit == "B" ? "\(count) B" : String(format: "%.1f %@", value, unit) }
      value /= 1000
    }
    return String(format: "%.1f TB", value)
  }
}
