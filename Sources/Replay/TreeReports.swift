import Hierarchy
import Links
import Monitoring
import Reports
import Scenarios
import Terms

/// What the monitors of a running tree hold between them.
public struct TreeReports: Sendable {
  public var reports: [Report] = []
  /// Monitors that gave no answer, and why; nothing is known of what they hold.
  public var unreachable: [MonitorName: String] = [:]
  /// Whether anybody answered.
  public var isAnswered = false
}

extension TreeControl {
  /// Newest revisions of the monitors' own reports of real traffic.
  public func reports(_ classes: Set<ReportClass>) async -> TreeReports {
    var found = TreeReports()
    for definition in speakers where definition.tier != .local || classes != [.incident] {
      do {
        var newest: [ReportID: Report] = [:]
        for report in try await reports(of: definition.name, lane: .live, classes: classes)
        where newest[report.id].map({ $0.revision < report.revision }) ?? true {
          newest[report.id] = report
        }
        found.reports += newest.values.sorted { $0.id < $1.id }
        found.isAnswered = true
      } catch {
        found.unreachable[definition.name] = "\(error)"
      }
    }
    return found
  }

  /// The report `id` and everything that it is derived from, as far as `Derivation` goes: whoever
  /// has it is asked, the highest tier first, for parents keep what their children told them.
  public func grounds(of id: ReportID) async -> TreeReports {
    var found = TreeReports()
    var known: Set<ReportID> = [id]
    var wanted = [id]
    for _ in 0..<Derivation.depthLimit where !wanted.isEmpty {
      var level: [Report] = []
      for definition in speakers where found.unreachable[definition.name] == nil {
        do {
          let held = try await reports(wanted, at: definition.name)
          let ids = Set(held.map(\.id))
          wanted.removeAll { ids.contains($0) }
          level += held
          found.isAnswered = true
        } catch {
          found.unreachable[definition.name] = "\(error)"
        }
        if wanted.isEmpty { break }
      }
      found.reports += level
      let below = level.flatMap(\.derivedFrom).filter { known.insert($0).inserted }
      wanted = Array(below.prefix(max(0, Derivation.nodeLimit - found.reports.count)))
    }
    return found
  }

  /// Monitors that can be asked, the highest tier first.
  private var speakers: [MonitorDefinition] {
    topology.monitors.filter { $0.listen != nil }.sorted { $0.tier > $1.tier }
  }
}
