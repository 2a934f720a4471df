import Reports

/// The order in which a lane takes reports and tells its own.
extension CorrelationLane {
  /// Mostly they are in order of time, since that only runs forward: those of one moment are sorted.
  static func inOrder(_ reports: [Report]) -> [Report] {
    guard !isInOrder(reports) else { return reports }
    var reports = reports
    var start = 0
    while start < reports.count {
      let time = reports[start].emitted
      var end = start + 1
      while end < reports.count, reports[end].emitted == time { end += 1 }
      if end - start > 1 { reports[start..<end].sort(by: precedes) }
      if end < reports.count, reports[end].emitted < time { return reports.sorted(by: precedes) }
      start = end
    }
    return reports
  }

  static func isInOrder(_ reports: [Report]) -> Bool {
    reports.withUnsafeBufferPointer { reports in
      reports.indices.dropFirst().allSatisfy { !precedes(reports[$0], reports[$0 - 1]) }
    }
  }

  static func precedes(_ left: Report, _ right: Report) -> Bool {
    (left.emitted, left.id, left.revision) < (right.emitted, right.id, right.revision)
  }
}
