import Reports
import Terms

/// How alike two reports of a kind are: Valdes & Skinner, "Probabilistic Alert Correlation" (RAID
/// 2001).
struct Similarity: Sendable {
  /// What is compared.
  enum Feature: Hashable, Sendable {
    case sources, targets, ports, time
    case attribute(String)

    init(_ name: String) {
      switch name {
      case "sources": self = .sources
      case "targets": self = .targets
      case "ports": self = .ports
      case "time": self = .time
      default: self = .attribute(name)
      }
    }
  }

  /// A comparison of the schema, its feature resolved.
  struct Comparison: Sendable {
    let feature: Feature
    let name: String
    let measure: FeatureComparison.Measure
    let least: Double
    private let expected: Double
    /// E_j where the sources may be forged, and where one thing was tried at many targets.
    private let spoofable: Double?
    private let sweep: Double?

    init(_ stated: FeatureComparison) {
      feature = Feature(stated.feature)
      name = stated.feature
      measure = stated.measure
      expected = stated.expected
      spoofable = stated.situations[.spoofable]
      sweep = stated.situations[.sweep]
      least = stated.least
    }

    /// E_j, as the situation of the two has it: one report of the two is enough to make likeness less
    /// to be expected.
    func weight(_ left: Report, _ right: Report) -> Double {
      var weight = expected
      if let spoofable {
        weight += (spoofable - expected) * max(left.forgeableShare, right.forgeableShare)
      }
      if let sweep, left.isSweep || right.isSweep { weight = sweep }
      return weight
    }
  }

  /// What one feature says of two reports.
  struct Part: Sendable, Codable {
    let feature: String
    /// SIM_j, E_j and min_j.
    let likeness: Double
    let weight: Double
    let least: Double

    /// For `why`.
    var term: Term {
      Term(
        "\(feature) alike (weight \((weight * 100).rounded() / 100))", likeness,
        threshold: least > 0 ? least : nil)
    }
  }

  let features: [Comparison]

  /// The schema's comparisons, or the built-in ones of the kind's family where it states none.
  init(_ kind: ReportKind, schema: Schema) {
    let stated = schema.kinds[kind]?.correlation ?? []
    features = (stated.isEmpty ? Self.standard(kind) : stated).map(Comparison.init)
  }

  /// SIM = Σ E_j·SIM_j / Σ E_j over the features that both have; 0 as soon as one is below its
  /// least.
  func compare(_ left: Report, _ right: Report) -> Double {
    var sum = 0.0
    var weight = 0.0
    for feature in features {
      guard let likeness = Self.likeness(feature, left, right) else { continue }
      guard likeness >= feature.least else { return 0 }
      let expected = feature.weight(left, right)
      sum += expected * likeness
      weight += expected
    }
    return weight > 0 ? sum / weight : 0
  }

  /// The parts of `compare`, feature by feature.
  func parts(_ left: Report, _ right: Report) -> [Part] {
    features.compactMap { feature in
      Self.likeness(feature, left, right).map {
        Part(
          feature: feature.name, likeness: $0, weight: feature.weight(left, right),
          least: feature.least)
      }
    }
  }

  private static func likeness(
    _ comparison: Comparison, _ left: Report, _ right: Report
  ) -> Double? {
    switch comparison.feature {
    case .time:
      guard case .time(let within) = comparison.measure else { return nil }
      return timeLikeness(left, right, within: within)
    case .sources: return SetLikeness.of(left.sources, right.sources, comparison.measure)
    case .targets: return SetLikeness.of(left.targets, right.targets, comparison.measure)
    case .ports: return SetLikeness.of(left.ports, right.ports, comparison.measure)
    case .attribute(let name):
      guard let mine = left.attributes[name], let other = right.attributes[name] else { return nil }
      return likeness(mine, other, comparison.measure)
    }
  }

  private static func timeLikeness(_ left: Report, _ right: Report, within: TimeSpan) -> Double {
    let gap = max(
      (left.first - right.last).nanoseconds, (right.first - left.last).nanoseconds, 0)
    guard within.nanoseconds > 0 else { return gap == 0 ? 1 : 0 }
    return max(0, 1 - Double(gap) / Double(within.nanoseconds))
  }

  private static func likeness(
    _ left: AttributeValue, _ right: AttributeValue, _ measure: FeatureComparison.Measure
  ) -> Double {
    if case .prefix = measure, case .address(let mine) = left, case .address(let other) = right {
      return SetLikeness.sharedBits(mine, other)
    }
    return left == right ? 1 : 0
  }
}

extension Report {
  /// Targets from which on one thing tried at each of them is a sweep.
  private static let sweepTargets = 3

  /// Whether it tells of more targets than of things tried at them.
  fileprivate var isSweep: Bool {
    let count = targets.count
    return count >= Self.sweepTargets && count > ports.count
  }

  /// The share of its sources that may be forged, 0–1: as it says itself; otherwise all, unless they
  /// came by TCP, where whoever did something had an answer first.
  fileprivate var forgeableShare: Double {
    if case .ratio(let share)? = attributes["spoofed"] { return min(1, max(0, share)) }
    return transport == .tcp ? 0 : 1
  }
}

extension Similarity {
  /// What tells attacks of a family apart: the source of a scan, the target of a flood, the port of
  /// a worm.
  private static func standard(_ kind: ReportKind) -> [FeatureComparison] {
    let sources: (Double, Double)
    let targets: (Double, Double)
    let ports: (Double, Double)
    var within = TimeSpan.minutes(30)
    var situations: [FeatureComparison.Situation: Double] = [:]
    switch kind.family {
    case "dos":
      (sources, targets, ports) = ((0.2, 0), (0.9, 0.5), (0.3, 0))
      situations = [.spoofable: 0.1]
    case "worm":
      (sources, targets, ports) = ((0.1, 0), (0.1, 0), (0.9, 0.5))
      within = .hours(2)
    case "recon" where kind == .distributedScan:
      (sources, targets, ports) = ((0.5, 0.05), (0.1, 0), (0.5, 0.3))
      within = .hours(2)
    case "recon":
      (sources, targets, ports) = ((0.9, 0.5), (0.2, 0), (0.1, 0))
      situations = [.sweep: 0.1]
    default: (sources, targets, ports) = ((0.8, 0.3), (0.5, 0), (0.2, 0))
    }
    // What may be told of in part must only overlap.
    func list(_ name: String, _ bounds: (Double, Double)) -> FeatureComparison {
      FeatureComparison(
        feature: name, measure: bounds.1 > 0 ? .overlap : .vector, expected: bounds.0,
        situations: situations.filter { $0.key.feature == name }, least: bounds.1)
    }
    return [
      list("sources", sources), list("targets", targets), list("ports", ports),
      FeatureComparison(
        feature: "time", measure: .time(within: within), expected: 0.5, least: 0.05),
    ]
  }
}
