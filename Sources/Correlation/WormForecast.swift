import Hierarchy
import Reports
import Terms

/// Where a worm has come to, and where it goes next.
///
/// A worm's next victim is among those that its hosts already try. So of the segments of the site
/// that it has not come to and that one of its hosts can reach, the next is the one of whose hosts
/// most were reached already, then most were tried; where none was, the one with most assets that
/// run what it is after.
struct WormForecast {
  /// Segments with a host that searches, by name; the outside too.
  let infected: [String]
  /// nil where nothing speaks for any.
  private(set) var next: Candidate?

  struct Candidate {
    let segment: String
    /// Hosts of it that worm's hosts came to, and those that they tried in vain.
    var reached = 0
    var tried = 0
    /// Known assets of it with the service.
    var assets = 0

    fileprivate var strength: (Int, Int, Int) { (reached, tried, assets) }
  }

  init(
    of hosts: [IPPrefix], after port: PortKey, in graph: WormGraph, _ context: CorrelationContext
  ) {
    let segments = Set(hosts.map { context.segment(of: $0.base) })
    infected = segments.sorted()
    let open = context.segments.keys.filter { name in
      name != context.perimeter && !segments.contains(name)
        && segments.contains { context.reaches[$0]?.contains(name) ?? true }
    }
    var candidates = Dictionary(uniqueKeysWithValues: open.map { ($0, Candidate(segment: $0)) })
    func count(_ targets: Set<IPPrefix>, _ field: WritableKeyPath<Candidate, Int>) {
      for target in targets { candidates[context.segment(of: target.base)]?[keyPath: field] += 1 }
    }
    let searchers = hosts.compactMap { graph.searchers[$0] }
    let reached = searchers.reduce(into: Set()) { $0.formUnion($1.reachedTargets) }
    count(reached, \.reached)
    count(searchers.reduce(into: Set()) { $0.formUnion($1.failedTargets) }, \.tried)
    for asset in Set(context.assets.values)
    where asset.services.contains(Service(transport: port.transport, port: port.port)) {
      candidates[asset.segment]?.assets += 1
    }
    next = candidates.values.filter { $0.strength > (0, 0, 0) }.max { left, right in
      // Of equals the first by name.
      left.strength == right.strength
        ? left.segment > right.segment : left.strength < right.strength
    }
  }

  /// Says it in a report of the worm; what was said before of a segment that it has come to by now
  /// goes.
  func describe(_ report: inout Report, _ context: CorrelationContext) {
    if report.attributes["next"] != nil { report.attributes["next"] = nil }
    context.describe(&report, [("segments", .text(infected.joined(separator: ",")))])
    guard let next else { return }
    context.describe(&report, [("next", .text(next.segment))])
    report.terms.append(
      Term(
        "hosts of \(next.segment) tried already", Double(next.reached + next.tried), unit: "hosts"))
  }
}
