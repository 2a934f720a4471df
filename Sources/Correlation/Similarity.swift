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
    let measure: FeatureComparison.Measure
    let expected: Double
    let least: Double

    init(_ stated: FeatureComparison) {
      feature = Feature(stated.feature)
      measure = stated.measure
      expected = stated.expected
      least = stated.least
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
      sum += feature.expected * likeness
      weight += feature.expected
    }
    return weight > 0 ? sum / weight : 0
  }

  private static func likeness(
    _ comparison: Comparison, _ left: Report, _ right: Report
  ) -> Double? {
    switch comparison.feature {
    case .time:
      guard case .time(let within) = comparison.measure else { return nil }
      return timeLikeness(left, right, within: within)
    case .sources: return likeness(left.sources, right.sources, comparison.measure)
    case .targets: return likeness(left.targets, right.targets, comparison.measure)
    case .ports:
      guard !left.ports.isEmpty, !right.ports.isEmpty else { return nil }
      if comparison.measure == .exact { return left.ports == right.ports ? 1 : 0 }
      let fewer = min(left.ports.count, right.ports.count)
      return Double(common(left.ports, right.ports)) / Double(fewer)
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
    _ left: AddressSet, _ right: AddressSet, _ measure: FeatureComparison.Measure
  ) -> Double? {
    guard !left.isEmpty, !right.isEmpty else { return nil }
    switch measure {
    case .exact: return left.listed == right.listed ? 1 : 0
    case .prefix:
      return left.listed.flatMap { mine in right.listed.map { sharedBits(mine.base, $0.base) } }
        .max()
    case .overlap, .time:
      let few = left.listed.count <= right.listed.count ? left.listed : right.listed
      let many = left.listed.count <= right.listed.count ? right : left
      if few.allSatisfy(\.isHost), many.listed.allSatisfy(\.isHost) {
        return Double(common(few, many.listed)) / Double(few.count)
      }
      let held = few.count { member in many.listed.contains { $0.overlaps(member) } }
      return Double(held) / Double(few.count)
    }
  }

  /// How many members two ascending lists have in common.
  private static func common<Member: Comparable>(_ left: [Member], _ right: [Member]) -> Int {
    var (mine, theirs, count) = (0, 0, 0)
    while mine < left.count, theirs < right.count {
      if left[mine] == right[theirs] {
        count += 1
        mine += 1
        theirs += 1
      } else if left[mine] < right[theirs] {
        mine += 1
      } else {
        theirs += 1
      }
    }
    return count
  }

  private static func likeness(
    _ left: AttributeValue, _ right: AttributeValue, _ measure: FeatureComparison.Measure
  ) -> Double {
    if case .prefix = measure, case .address(let mine) = left, case .address(let other) = right {
      return sharedBits(mine, other)
    }
    return left == right ? 1 : 0
  }

  static func overlap<Member: Hashable>(_ left: Set<Member>, _ right: Set<Member>) -> Double {
    let smaller = min(left.count, right.count)
    return smaller == 0 ? 0 : Double(left.intersection(right).count) / Double(smaller)
  }

  /// Share of leading bits that agree; 0 across families.
  private static func sharedBits(_ left: IPAddress, _ right: IPAddress) -> Double {
    guard left.isIPv4 == right.isIPv4 else { return 0 }
    if left.isIPv4 { return Double((left.v4 ^ right.v4).leadingZeroBitCount) / 32 }
    let high = (left.high ^ right.high).leadingZeroBitCount
    let low = high == 64 ? (left.low ^ right.low).leadingZeroBitCount : 0
    return Double(high + low) / 128
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
    switch kind.family {
    case "dos": (sources, targets, ports) = ((0.1, 0), (0.9, 0.5), (0.3, 0))
    case "worm":
      (sources, targets, ports) = ((0.1, 0), (0.1, 0), (0.9, 0.5))
      within = .hours(2)
    case "recon" where kind == .distributedScan:
      (sources, targets, ports) = ((0.5, 0.05), (0.1, 0), (0.5, 0.3))
      within = .hours(2)
    case "recon": (sources, targets, ports) = ((0.9, 0.5), (0.1, 0), (0.1, 0))
    default: (sources, targets, ports) = ((0.8, 0.3), (0.5, 0), (0.2, 0))
    }
    func overlap(_ name: String, _ bounds: (Double, Double)) -> FeatureComparison {
      FeatureComparison(
        feature: name, measure: .overlap, expected: bounds.0, least: bounds.1)
    }
    return [
      overlap("sources", sources), overlap("targets", targets), overlap("ports", ports),
      FeatureComparison(
        feature: "time", measure: .time(within: within), expected: 0.5, least: 0.05),
    ]
  }
}
