import Analysis
import Reports
import Terms

/// Finds the cases that a conclusion may explain, or be explained by, without looking at all of
/// them: by the addresses that the two must share, in the roles in which they must share them.
///
/// What may explain without a common address (worms and distributed scans, by ports) stands in
/// `wide`. All lists are bounded, so that no reports make a conclusion dear for others.
struct CaseIndex: Sendable, Codable {
  /// Keys of one case; with more it is found by its first ones, and by its place in `wide`.
  private static let keyLimit = 512
  /// Cases that explain by what they are after, the newest.
  private static let wideLimit = 128
  /// Newest cases that a conclusion about a whole prefix is held against.
  private static let recentLimit = 128

  /// A part that a case plays, and the role in which it has an address.
  struct Group: Hashable, Sendable, Codable {
    var part: Explanation.Part
    var role: Explanation.Role
  }

  typealias Key = AddressIndex<Group, ReportID>.Key

  private var index = AddressIndex<Group, ReportID>()
  /// How many keys there are of each part.
  private var population = Array(repeating: 0, count: Explanation.Part.allCases.count)
  private var wide: [ReportID] = []
  private var recent: [ReportID] = []

  /// Notes a conclusion of a case.
  mutating func add(_ conclusion: Report, to incident: inout IncidentCase, _ key: ReportID) {
    let part = Explanation.Part(conclusion)
    if incident.keys.isEmpty { push(key, to: &recent, Self.recentLimit) }
    if part.explainsByPorts { push(key, to: &wide, Self.wideLimit) }
    for role in Explanation.Role.allCases {
      for address in (role == .source ? conclusion.sources : conclusion.targets).listed {
        guard incident.keys.count < Self.keyLimit else {
          push(key, to: &wide, Self.wideLimit)
          return
        }
        let place = Key(Group(part: part, role: role), address)
        guard index.add(key, under: place) else { continue }
        incident.keys.append(place)
        population[Int(part.rawValue)] += 1
      }
    }
  }

  private func push(_ key: ReportID, to list: inout [ReportID], _ limit: Int) {
    guard !list.contains(key) else { return }
    list.append(key)
    if list.count > limit { list.removeFirst() }
  }

  mutating func remove(_ incident: IncidentCase, _ key: ReportID) {
    wide.removeAll { $0 == key }
    recent.removeAll { $0 == key }
    for place in incident.keys {
      index.remove(key, under: place)
      population[Int(place.group.part.rawValue)] -= 1
    }
  }

  /// Keys of the cases that the conclusion may have to do with, some of them twice.
  func candidates(for conclusion: Report) -> [ReportID] {
    var keys = wide
    var hasPrefix = false
    for tie in Explanation.Part(conclusion).ties where population[Int(tie.part.rawValue)] > 0 {
      let group = Group(part: tie.part, role: tie.theirs)
      for address in (tie.mine == .source ? conclusion.sources : conclusion.targets).listed {
        if !address.isHost { hasPrefix = true }
        index.visit(group, address) { keys.append($0) }
      }
    }
    return hasPrefix ? keys + recent : keys
  }
}
