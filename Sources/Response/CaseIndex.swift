import Reports
import Terms

/// Finds the cases that may have to do with a conclusion, without looking at all of them: those that
/// share an address with it, and the few that explain by ports or prefixes.
struct CaseIndex: Sendable {
  /// Addresses of one case that are told apart; a case with more is looked at for every conclusion.
  private static let addressLimit = 512

  /// One case is the rule; more of them wait in `others`.
  private var first: [IPPrefix: ReportID] = [:]
  private var others: [IPPrefix: [ReportID]] = [:]
  /// Cases with prefixes or too many addresses, and those that explain by what they are after.
  private var wide: Set<ReportID> = []

  /// Notes a conclusion of a case.
  mutating func add(_ conclusion: Report, to incident: inout IncidentCase, _ key: ReportID) {
    if Explanation.mayExplainByPorts(conclusion.kind) { wide.insert(key) }
    for set in [conclusion.sources, conclusion.targets] {
      for address in set.listed { add(address, to: &incident, key) }
    }
  }

  private mutating func add(
    _ address: IPPrefix, to incident: inout IncidentCase, _ key: ReportID
  ) {
    guard address.isHost, incident.addresses.count < Self.addressLimit else {
      wide.insert(key)
      return
    }
    guard let known = first[address] else {
      first[address] = key
      incident.addresses.append(address)
      return
    }
    guard known != key, others[address]?.contains(key) != true else { return }
    others[address, default: []].append(key)
    incident.addresses.append(address)
  }

  mutating func remove(_ incident: IncidentCase, _ key: ReportID) {
    wide.remove(key)
    for address in incident.addresses {
      if first[address] == key {
        first[address] = others[address]?.popLast()
      } else {
        others[address]?.removeAll { $0 == key }
      }
      if others[address]?.isEmpty == true { others[address] = nil }
    }
  }

  /// Keys of the cases that may share something, some of them twice; nil for all.
  func candidates(for conclusion: Report) -> [ReportID]? {
    var keys = Array(wide)
    for set in [conclusion.sources, conclusion.targets] {
      for address in set.listed {
        guard address.isHost else { return nil }
        if let key = first[address] { keys.append(key) }
        if let more = others[address] { keys += more }
      }
    }
    return keys
  }
}
