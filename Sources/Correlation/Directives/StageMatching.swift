import Hierarchy
import Reports
import Terms

/// What the site's addresses are like.
struct PlaceKnowledge: Sendable, Codable {
  let site: SharedContext

  func holds(_ place: Place, _ address: IPPrefix) -> Bool {
    isAt(place, address) != place.isNegated
  }

  private func isAt(_ place: Place, _ address: IPPrefix) -> Bool {
    if let isInside = place.isInside, site.context.isHome(address) != isInside { return false }
    if !place.prefixes.isEmpty, !place.prefixes.contains(where: { $0.contains(address) }) {
      return false
    }
    if !place.segments.isEmpty, !place.segments.contains(site.context.segment(of: address.base)) {
      return false
    }
    if let value = place.value, !value.holds(Double(worth(address))) { return false }
    guard place.service != nil || place.os != nil else { return true }
    guard let asset = site.context.assets[address.base] else { return false }
    if let service = place.service, !asset.services.contains(service) { return false }
    if let os = place.os, asset.os != os { return false }
    return true
  }

  /// Where the addresses of a report lie.
  func sides(of report: Report) -> Sides {
    var sides: Sides = []
    for address in report.sources.listed {
      sides.insert(site.context.isHome(address) ? .fromInside : .fromOutside)
    }
    for address in report.targets.listed {
      sides.insert(site.context.isHome(address) ? .toInside : .toOutside)
    }
    return sides
  }

  /// What the address is worth: 0–5.
  func worth(_ address: IPPrefix) -> Int {
    if let value = site.context.assetValues[address.base] { return value }
    return site.context.isHome(address) ? Asset.standardValue : 0
  }

  /// The worth of the most valuable of a report's two sides, at least `Asset.standardValue`.
  func worth(of report: Report) -> Int {
    // Whoever is no asset is worth no more.
    guard !site.context.assetValues.isEmpty else { return Asset.standardValue }
    let most = report.targets.listed.reduce(Asset.standardValue) { max($0, worth($1)) }
    return report.sources.listed.reduce(most) { max($0, worth($1)) }
  }
}

/// The conditions of a stage, those on where addresses lie put together.
struct StageTest: Sendable {
  /// All must be there.
  private var sides: Sides = []
  private var others: [Condition] = []
  private var saysSeverity = false
  private let test: ReportTest

  init(_ test: ReportTest) {
    self.test = test
    for condition in test.conditions {
      if case .severity = condition { saysSeverity = true }
      if let side = condition.side { sides.insert(side) } else { others.append(condition) }
    }
  }

  func accepts(_ kind: ReportKind) -> Bool { test.accepts(kind) }

  /// Whether the conditions hold; the kind is checked before. Informational reports fit only a
  /// stage that speaks of severity.
  func holds(_ sighting: Sighting, _ places: PlaceKnowledge) -> Bool {
    guard sighting.sides.isSuperset(of: sides),
      saysSeverity || sighting.report.severity > Report.informationalSeverity
    else { return false }
    return others.isEmpty || others.allSatisfy { $0.holds(sighting.report, places) }
  }
}

extension Place {
  /// Whether only the site's border counts, and which side of it.
  fileprivate var inside: Bool? {
    guard segments.isEmpty, prefixes.isEmpty, value == nil, service == nil, os == nil else {
      return nil
    }
    return isInside.map { $0 != isNegated }
  }
}

extension Condition {
  /// The side that an address must lie on, where nothing else is asked of it.
  fileprivate var side: Sides? {
    switch self {
    case .from(let place): place.inside.map { $0 ? .fromInside : .fromOutside }
    case .to(let place): place.inside.map { $0 ? .toInside : .toOutside }
    default: nil
    }
  }

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
