import Reports
import Terms

/// The leading conclusion of a case, and what the others add to its reasons. Lists are bounded.
struct CaseFacts {
  private struct Place: Hashable {
    var monitor: MonitorName
    var capture: String
  }

  var report: Report
  private var known: Set<ReportID>
  private var places: [Place: Int] = [:]

  init(_ lead: Report) {
    report = lead
    known = Set(lead.derivedFrom)
    for (index, piece) in lead.evidence.enumerated() {
      places[Place(monitor: piece.monitor, capture: piece.capture)] = index
    }
  }

  mutating func add(_ conclusion: Report) {
    report.first = min(report.first, conclusion.first)
    report.last = max(report.last, conclusion.last)
    report.confidence = max(report.confidence, conclusion.confidence)
    for id in conclusion.derivedFrom where report.derivedFrom.count < Report.Limit.derivedFrom {
      if known.insert(id).inserted { report.derivedFrom.append(id) }
    }
    Self.unite(&report.coverage.segments, conclusion.coverage.segments)
    Self.unite(&report.coverage.silent, conclusion.coverage.silent)
    report.coverage.loss = max(report.coverage.loss, conclusion.coverage.loss)
    for piece in conclusion.evidence { add(piece) }
    if conclusion.ports != report.ports, conclusion.kind.families == report.kind.families {
      report.ports = report.ports.united(with: conclusion.ports, limit: Report.Limit.ports)
    }
  }

  private mutating func add(_ piece: Evidence) {
    let place = Place(monitor: piece.monitor, capture: piece.capture)
    guard let index = places[place] else {
      guard report.evidence.count < Report.Limit.evidence else { return }
      places[place] = report.evidence.count
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
