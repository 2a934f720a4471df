import Hierarchy
import Reports
import Terms

/// What a report has in one field, in a form that two reports can be compared by.
enum FieldValues {
  case addresses([IPPrefix])
  case ports([UInt16])
  case monitors([MonitorName])
  case value(AttributeValue)
  case none

  init(_ field: ReportField, of report: Report) {
    switch field {
    case .source: self = .addresses(report.sources.listed)
    case .target: self = .addresses(report.targets.listed)
    case .port: self = .ports(report.ports)
    case .monitor: self = .monitors(report.witnesses)
    case .attribute(let name): self = report.attributes[name].map { .value($0) } ?? .none
    }
  }

  init(_ field: ReportField, of sighting: Sighting) {
    switch field {
    case .source: self = .addresses(sighting.sources)
    case .target: self = .addresses(sighting.targets)
    default: self.init(field, of: sighting.report)
    }
  }

  var isEmpty: Bool {
    switch self {
    case .addresses(let list): list.isEmpty
    case .ports(let list): list.isEmpty
    case .monitors(let list): list.isEmpty
    case .value: false
    case .none: true
    }
  }

  /// Whether the two have a value in common.
  func meets(_ other: FieldValues) -> Bool {
    switch (self, other) {
    case (.addresses(let mine), .addresses(let theirs)): Self.meet(mine, theirs)
    case (.ports(let mine), .ports(let theirs)): Self.meet(mine, theirs)
    case (.monitors(let mine), .monitors(let theirs)): Self.meet(mine, theirs)
    case (.value(let mine), .value(let theirs)): mine == theirs
    case (.addresses(let list), .value(.address(let address))),
      (.value(.address(let address)), .addresses(let list)):
      list.contains { $0.contains(address) }
    case (.ports(let list), .value(.port(let port))), (.value(.port(let port)), .ports(let list)):
      list.contains(port)
    default: false
    }
  }

  /// The share of the values that are among `known`, 0–1; of fields that are no addresses, all.
  func share(in known: [IPPrefix], _ field: ReportField) -> Double {
    guard case .addresses(let list) = self, !list.isEmpty, field.isAddress else { return 1 }
    let found = list.count { value in known.contains { $0.contains(value) } }
    return Double(found) / Double(list.count)
  }

  /// Both lists are sorted.
  private static func meet<Member: Comparable>(_ left: [Member], _ right: [Member]) -> Bool {
    var mine = 0
    var theirs = 0
    while mine < left.count, theirs < right.count {
      if left[mine] == right[theirs] { return true }
      if left[mine] < right[theirs] { mine += 1 } else { theirs += 1 }
    }
    return false
  }

  /// Hashes of the values, for counting different ones.
  var hashes: [UInt64] {
    switch self {
    case .addresses(let list):
      list.map { DistinctCount.hash($0.base.high ^ UInt64($0.length) << 56, $0.base.low) }
    case .ports(let list): list.map { UInt64($0) }
    case .monitors(let list): list.map { $0.text.utf8.fnv1a }
    case .value(let value): [value.description.utf8.fnv1a]
    case .none: []
    }
  }
}

extension Sighting {
  /// Whether the field has a value in common with `values`; nil when the report has none.
  func meets(_ values: FieldValues, in field: ReportField) -> Bool? {
    let own = FieldValues(field, of: self)
    return own.isEmpty ? nil : own.meets(values)
  }
}

extension Report {
  /// The monitors that saw it: those of the evidence, for an incident comes from a tier above them; in
  /// order.
  fileprivate var witnesses: [MonitorName] {
    evidence.isEmpty ? [monitor] : Set(evidence.map(\.monitor)).sorted()
  }

  /// The attribute as a number, where it is one; durations in seconds.
  func number(_ attribute: String) -> Double? {
    switch attributes[attribute] {
    case .count(let value)?, .bytes(let value)?: Double(value)
    case .ratio(let value)?: value
    case .duration(let value)?: value.seconds
    case .port(let value)?: Double(value)
    default: nil
    }
  }
}
