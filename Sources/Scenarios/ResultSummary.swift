/// A replay's result for people: incidents in order of rank, then which expectation held, then links,
/// losses and timing.
public struct ResultSummary: CustomStringConvertible {
  /// Rows of the incident table at most.
  public static let incidentLimit = 40
  /// Addresses named per cell.
  static let namedLimit = 2

  private let result: ReplayResult
  private let isColoured: Bool

  /// `isColoured` adds ANSI colours: for terminals only.
  public init(_ result: ReplayResult, isColoured: Bool = false) {
    self.result = result
    self.isColoured = isColoured
  }

  public var description: String {
    var blocks = [incidents, expectations, links, losses].filter { !$0.isEmpty }
    blocks.append([timing])
    return blocks.map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
  }

  private var incidents: [String] {
    let head =
      "\(paint(result.scenario, .bold)): "
      + Figures.counted(result.incidents.count, "incident") + ", "
      + Figures.counted(result.detections.count, "detection")
    guard !result.incidents.isEmpty else { return [head] }
    let table = IncidentTable(
      result.incidents.prefix(Self.incidentLimit), start: result.timing.first)
    var lines = [head, ""] + table.lines
    lines[2] = paint(lines[2], .faint)
    let rest = result.incidents.count - Self.incidentLimit
    if rest > 0 { lines.append("… and \(rest) more") }
    return lines
  }

  private var expectations: [String] {
    result.expectations.map { expectation in
      let mark = expectation.held ? paint("✓", .green) : paint("✗", .red)
      let line = "\(mark) \(expectation.mode) \(expectation.expectation)"
      return expectation.held ? line : line + "\n    \(expectation.reason)"
    }
  }

  private var links: [String] {
    guard !result.links.isEmpty else { return [] }
    var table = TextTable([
      ("link", .left), ("reports", .right), ("bytes", .right),
    ])
    for link in result.links {
      table.append([
        "\(link.child) → \(link.parent)", Figures.grouped(link.reports),
        Figures.grouped(link.bytes),
      ])
    }
    var lines = table.lines
    lines[0] = paint(lines[0], .faint)
    return lines
  }

  private var losses: [String] {
    let lines = result.losses.sorted { $0.key < $1.key }.flatMap { monitor, counters in
      counters.filter { $0.value > 0 }.sorted { $0.key < $1.key }.map {
        "lost at \(monitor): \($0.key) \(Figures.grouped($0.value))"
      }
    }
    return lines.isEmpty ? ["nothing lost"] : lines
  }

  private var timing: String {
    let timing = result.timing
    let span = max(0, timing.last - timing.first)
    var line =
      "\(Figures.grouped(timing.packets)) packets, \(Figures.short(span)) s of event time "
      + "in \(Figures.short(timing.wall)) s"
    if timing.cpu > 0 { line += " (\(Figures.short(timing.cpu)) s of processor time)" }
    return line + ", \(timing.mode)"
  }

  /// The first members and how many there are: `10.0.0.1`, `10.0.0.1 10.0.0.2 +14`.
  static func brief(_ named: [String], of count: Int) -> String {
    guard !named.isEmpty else { return count > 0 ? "\(count)" : "-" }
    let shown = named.prefix(namedLimit)
    let rest = max(count, named.count) - shown.count
    return shown.joined(separator: " ") + (rest > 0 ? " +\(rest)" : "")
  }

  private enum Style: String {
    case bold = "1"
    case faint = "2"
    case red = "31"
    case green = "32"
  }

  private func paint(_ text: String, _ style: Style) -> String {
    isColoured ? "\u{1b}[\(style.rawValue)m\(text)\u{1b}[0m" : text
  }
}
