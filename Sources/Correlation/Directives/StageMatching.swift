import Hierarchy
import Reports
import Terms

/// What the site's addresses are like.
struct PlaceKnowledge: Sendable, Codable {
  let context: CorrelationContext

  func holds(_ place: Place, _ address: IPPrefix) -> Bool {
    isAt(place, address) != place.isNegated
  }

  private func isAt(_ place: Place, _ address: IPPrefix) -> Bool {
    if let isInside = place.isInside, context.isHome(address) != isInside { return false }
    if !place.prefixes.isEmpty, !place.prefixes.contains(where: { $0.contains(address) }) {
      return false
    }
    if !place.segments.isEmpty, !place.segments.contains(context.segment(of: address.base)) {
      return false
    }
    if let value = place.value, !value.holds(Double(worth(address))) { return false }
    guard place.service != nil || place.os != nil else { return true }
    guard let asset = context.assets[address.base] else { return false }
    if let service = place.service, !asset.services.contains(service) { return false }
    if let os = place.os, asset.os != os { return false }
    return true
  }

  /// What the address is worth: 0–5.
  func worth(_ address: IPPrefix) -> Int {
    if let value = context.assetValues[address.base] { return value }
    return context.isHome(address) ? Asset.standardValue : 0
  }

  /// The worth of the most valuable of a report's two sides, at least `Asset.standardValue`.
  func worth(of report: Report) -> Int {
    let addresses = report.targets.listed + report.sources.listed
    return addresses.reduce(Asset.standardValue) { max($0, worth($1)) }
  }
}

extension ReportTest {
  /// Whether the conditions hold; the kind is checked before. Informational reports fit only a
  /// stage that speaks of severity.
  func holds(_ report: Report, _ places: PlaceKnowledge) -> Bool {
    var saysSeverity = false
    for condition in conditions {
      if case .severity = condition { saysSeverity = true }
      guard condition.holds(report, places) else { return false }
    }
    return saysSeverity || report.severity > Report.informationalSeverity
  }
}

extension Condition {
  func holds(_ report: Report, _ places: PlaceKnowledge) -> Bool {
    switch self {
    case .severity(let comparison): comparison.holds(report.severity)
    case .confidence(let comparison): comparison.holds(report.confidence)
    case .sources(let comparison): comparison.holds(Double(report.sources.count))
    case .targets(let comparison): comparison.holds(Double(report.targets.count))
    case .ports(let ranges, let isNegated):
      report.ports.contains { port in ranges.contains { $0.contains(port) } } != isNegated
    case .transport(let transport): report.transport == transport
    case .tier(let tier): report.tier == tier
    case .monitors(let names): names.contains(report.monitor.text)
    case .from(let place): report.sources.listed.contains { places.holds(place, $0) }
    case .to(let place): report.targets.listed.contains { places.holds(place, $0) }
    case .attribute(let name, let test): test.holds(name, report)
    }
  }
}

extension AttributeTest {
  fileprivate func holds(_ name: String, _ report: Report) -> Bool {
    guard let value = report.attributes[name] else { return false }
    switch self {
    case .oneOf(let texts, let isNegated):
      return texts.contains(value.description.lowercased()) != isNegated
    case .number(let comparison):
      return report.number(name).map { comparison.holds($0) } ?? false
    }
  }
}
