import Analysis
import Hierarchy
import Reports
import Terms

/// Runs the examples that directives carry.
public enum DirectiveExamples {
  /// An example that does not do what it says.
  public struct Failure: Sendable, CustomStringConvertible {
    public var file: String
    public var line: Int
    public var message: String
    public var description: String { "\(file):\(line):1: \(message) [example]" }
  }

  /// What counts as inside in examples that name no segments: RFC 1918.
  private static let home = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].compactMap {
    IPPrefix($0)
  }

  /// Runs every example of the directives; empty when all do what they say.
  public static func failures(of directives: [Directive], schema: Schema) -> [Failure] {
    directives.flatMap { directive in
      directive.examples.compactMap { example -> Failure? in
        do throws(ReportText.Fault) {
          let told = try reports(of: directive, on: example.text, schema: schema)
          guard told.isEmpty == example.fires else { return nil }
          return Failure(
            file: directive.file, line: example.line,
            message: example.fires
              ? "'\(directive.name)' does not fire on this example"
              : "'\(directive.name)' fires on an example that it should be silent on")
        } catch {
          return Failure(
            file: directive.file, line: example.line + error.line, message: error.message)
        }
      }
    }
  }

  /// What the directive alone concludes from a text.
  public static func reports(
    of directive: Directive, on text: String, schema: Schema
  ) throws(ReportText.Fault) -> [Report] {
    let text = try ReportText(text, schema: schema)
    guard let monitor = MonitorName("example") else { return [] }
    let tier: Tier = directive.tiers.contains(.domain) ? .domain : .enterprise
    var directive = directive
    directive.tiers = [tier]
    let segments = text.segments
    let context = CorrelationContext(
      monitor: monitor, tier: tier, schema: schema,
      home: segments.isEmpty ? home : segments.values.flatMap { $0 }.sorted(), segments: segments,
      assetValues: text.assets.mapValues(\.value), assets: text.assets, directives: [directive])
    var engine = DirectiveEngine(context)
    var sink = ReportSink(monitor: monitor, tier: tier)
    let due = text.reports.sorted {
      ($0.emitted, $0.id, $0.revision) < ($1.emitted, $1.id, $1.revision)
    }
    for report in due {
      engine.runDeadlines(through: report.emitted, into: &sink)
      engine.analyse(report, into: &sink)
    }
    let end = (due.last?.emitted ?? ReportText.start) + .hours(48)
    engine.runDeadlines(through: end, into: &sink)
    return sink.drain()
  }
}
