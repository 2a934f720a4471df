import Reports
import Terms

/// The leading conclusion of a case, and what the others add to its reasons. Lists are bounded.
struct CaseFacts {
  var report: Report
  /// What `derivedFrom` holds, once it is long.
  private var known: Set<ReportID> = []
  /// Up to this length a list is looked through faster than a set is made.
  private static let shortList = 12

  init(_ lead: Report) { report = lead }

  private mutating func rest(on id: ReportID) {
    guard report.derivedFrom.count < Report.Limit.derivedFrom else { return }
    if report.derivedFrom.count < Self.shortList {
      guard !report.derivedFrom.contains(id) else { return }
    } else {
      if known.isEmpty { known = Set(report.derivedFrom) }
      guard known.insert(id).inserted else { return }
    }
    report.derivedFrom.append(id)
  }

  mutating func add(_ conclusion: Report) {
    report.first = min(report.first, conclusion.first)
    report.last = max(report.last, conclusion.last)
    report.confidence = max(report.confidence, conclusion.confidence)
    for id in conclusion.derivedFrom { rest(on: id) }
    if report.coverage != conclusion.coverage {
      Self.unite(&report.coverage.segments, conclusion.coverage.segments)
      Self.unite(&report.coverage.silent, conclusion.coverage.silent)
      report.coverage.loss = max(report.coverage.loss, conclusion.coverage.loss)
    }
    for piece in conclusion.evidence { add(piece) }
    if conclusion.ports != report.ports, conclusion.kind.families == report.kind.families {
      report.ports = report.ports.united(with: conclusion.ports, limit: Report.Limit.ports)
    }
  }

  private mutating func add(_ piece: Evidence) {
    let place = report.evidence.firstIndex {
      $0.monitor == piece.monitor && $0.capture == piece.capture
    }
    guard let index = place else {
      guard report.evidence.count < Report.Limit.evidence else { return }
      report.evidence.append(piece)
      return
    }
    let packets = report.evidence[index].packets
    // The first packets of all, whatever the order in which they come.
    if packets.count >= Report.Limit.packets, let last = packets.last,
      piece.packets.allSatisfy({ $0 >= last })
    {
      return
    }
    guard packets != piece.packets else { return }
    report.evidence[index].packets = packets.united(
      with: piece.packets, limit: Report.Limit.packets)
  }

  private static func unite<Member: Comparable>(_ list: inout [Member], _ more: [Member]) {
    guard !more.isEmpty, list != more else { return }
    list = list.united(with: more, limit: Report.Limit.coverage)
  }
}
