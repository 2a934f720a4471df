import Hierarchy
import Reports
import Terms

/// What a directive that was told of amounts to, beside what its conclusion says: kept, so that to
/// tell of more costs what has come and not what is there.
struct DirectiveGist: Sendable, Codable {
  private var grounds = Grounds()
  /// The families of what was seen, in order.
  private(set) var families: [String] = []
  /// Whether it rests on a conclusion of this monitor.
  private(set) var isDeep = false
  /// What the most valuable of the parties is worth.
  private(set) var worth = 0

  init() {}

  /// Adds reports, or newer revisions of them, to what is told.
  mutating func add(_ sightings: [Sighting], to report: inout Report) {
    var ports = report.ports
    for sighting in sightings {
      let seen = sighting.report
      report.first = min(report.first, sighting.first)
      report.last = max(report.last, sighting.last)
      report.sources.formUnion(seen.sources)
      report.targets.formUnion(seen.targets)
      if seen.transport != report.transport { report.transport = nil }
      if seen.ports != ports { ports = Self.union(ports, seen.ports) }
      grounds.add(sighting)
      add(familiesOf: sighting)
      isDeep = isDeep || sighting.isOwn
      worth = max(worth, sighting.worth)
    }
    report.ports = ports
    grounds.apply(to: &report)
  }

  private mutating func add(familiesOf sighting: Sighting) {
    guard let stages = sighting.stages else {
      let family = sighting.report.kind.family
      if !families.contains(family) { families.append(family) }
      return
    }
    for family in stages.split(separator: ",") where !families.contains(where: { $0 == family }) {
      families.append(String(family))
    }
  }

  /// The smallest of both, in order, each once.
  private static func union(_ left: [UInt16], _ right: [UInt16]) -> [UInt16] {
    var union: [UInt16] = []
    var (mine, theirs) = (0, 0)
    while union.count < Report.Limit.ports, mine < left.count || theirs < right.count {
      if theirs == right.count || mine < left.count && left[mine] <= right[theirs] {
        if theirs < right.count, left[mine] == right[theirs] { theirs += 1 }
        union.append(left[mine])
        mine += 1
      } else {
        union.append(right[theirs])
        theirs += 1
      }
    }
    return union
  }
}

extension Grounds {
  /// A monitor's own conclusion is in no archive: what it rests on stands for it.
  fileprivate mutating func add(_ sighting: Sighting) {
    guard sighting.isOwn else {
      add(sighting.report)
      return
    }
    add(resting: sighting.report)
  }
}
