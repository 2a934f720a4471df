import Reports
import Terms

/// One attack as fusion sees it: the conclusion, and the reports that joined in it.
struct FusedAttack: Sendable, Codable {
  struct Member: Sendable, Codable {
    var id: ReportID
    var confidence: Double
  }

  var report: Report
  /// The engine's number of its kind.
  var kind: UInt16
  /// The reports that joined, in order; revisions of these are known again.
  private(set) var members: [Member] = []
  private(set) var monitors: [MonitorName] = []
  var similarity = 1.0
  /// Whether the kind can say which other techniques there were (`also`).
  var namesOthers = false
  /// Under which the index finds it.
  var keys: [AttackIndex.Key] = []
  /// Whether the index has not seen it yet, and how many values it knew of it.
  var isFresh = true
  var indexedSize = 0
  /// What it rests on, once more than one report does: for one, the conclusion says it all. Apart,
  /// since most attacks have none.
  private var grounds: [Grounds] = []
  private var doubt = 1.0

  init(report: Report, kind: UInt16) {
    self.report = report
    self.kind = kind
  }

  /// Takes the facts of one more report, or of one more revision of it; true when its revisions are
  /// followed.
  @discardableResult
  mutating func absorb(_ event: Report, memberCapacity: Int) -> Bool {
    let isFollowed = follow(event, capacity: memberCapacity)
    if !monitors.contains(event.monitor), monitors.count < memberCapacity {
      monitors.append(event.monitor)
    }
    report.first = min(report.first, event.first)
    report.last = max(report.last, event.last)
    report.sources.formUnion(event.sources)
    report.targets.formUnion(event.targets)
    if report.ports != event.ports {
      report.ports = report.ports.united(with: event.ports, limit: Report.Limit.ports)
    }
    if report.transport != event.transport { report.transport = nil }
    report.severity = max(report.severity, event.severity)
    report.confidence = combinedConfidence
    if report.terms.isEmpty {
      report.terms = [
        Term("severity", event.severity, threshold: Report.informationalSeverity)
      ]
    }
    // What a child saw come of it is not lost with the child's own incident.
    if let told = event.assessment, told.outcome > report.assessment?.outcome ?? .unknown {
      report.assessment = told
    }
    let isOpener = members.count == 1 && isFollowed
    mergeAttributes(of: event, isOpener: isOpener)
    rest(on: event)
    return isFollowed
  }

  private mutating func follow(_ event: Report, capacity: Int) -> Bool {
    if let index = members.firstIndex(where: { $0.id == event.id }) {
      guard members[index].confidence != event.confidence else { return true }
      members[index].confidence = event.confidence
      doubt = members.reduce(1.0) { $0 * (1 - $1.confidence) }
      return true
    }
    guard members.count < capacity else { return false }
    members.append(Member(id: event.id, confidence: event.confidence))
    doubt *= 1 - event.confidence
    return true
  }

  /// Independent sightings confirm one another: 1 − Π(1 − confidence), short of certainty.
  private var combinedConfidence: Double {
    let most = members.reduce(0.99) { max($0, $1.confidence) }
    return min(most, 1 - doubt)
  }

  private mutating func rest(on event: Report) {
    if grounds.isEmpty, report.derivedFrom.count <= 1,
      report.derivedFrom.first ?? event.id == event.id,
      event.evidence.count <= Report.Limit.evidence
    {
      if report.derivedFrom.isEmpty { report.derivedFrom = [event.id] }
      report.evidence = report.evidence.isEmpty ? event.evidence : merged(event)
      report.coverage = event.coverage
      return
    }
    if grounds.isEmpty {
      grounds = [Grounds()]
      grounds[0].add(report, as: report.derivedFrom)
    }
    grounds[0].add(event)
    grounds[0].apply(to: &report)
  }

  /// The evidence of the only report behind it, over its revisions.
  private func merged(_ event: Report) -> [Evidence] {
    guard report.evidence != event.evidence else { return event.evidence }
    var grounds = Grounds()
    grounds.add(report, as: [])
    grounds.add(event)
    var joined = report
    grounds.apply(to: &joined)
    return joined.evidence
  }

  private mutating func mergeAttributes(of event: Report, isOpener: Bool) {
    guard !event.attributes.isEmpty else { return }
    if report.attributes.isEmpty {
      report.attributes = event.attributes
      return
    }
    guard report.attributes != event.attributes else { return }
    for (name, value) in event.attributes.sorted(by: { $0.key < $1.key }) {
      if isOpener, report.attributes[name] != nil { report.attributes[name] = value }
      merge(value, as: name)
    }
  }

  /// Counts grow to the larger; of other values the first told stays, unless only one report tells
  /// them.
  private mutating func merge(_ value: AttributeValue, as name: String) {
    switch (report.attributes[name], value) {
    case (.count(let old)?, .count(let new)): report.attributes[name] = .count(max(old, new))
    case (.text(let old)?, .text(let new)) where old != new: join(new, to: old, as: name)
    case (.bytes(let old)?, .bytes(let new)): report.attributes[name] = .bytes(max(old, new))
    case (nil, _):
      // The schema bounds the names of one kind; the limit stands against a foreign report.
      guard report.attributes.count < Report.Limit.attributes else { return }
      report.attributes[name] = value
    default: break
    }
  }
}

extension FusedAttack {
  /// One source's attacks on one target are one, but not of one technique, nor by one rule: relevance
  /// wants to know of each.
  private mutating func join(_ new: String, to old: String, as name: String) {
    switch name {
    case "references": report.attributes[name] = .text(Self.union(old, new, separator: " "))
    case "metadata", "also": report.attributes[name] = .text(Self.union(old, new, separator: ","))
    case "technique" where namesOthers:
      guard case .text(let others)? = report.attributes["also"] else {
        guard report.attributes.count < Report.Limit.attributes else { return }
        report.attributes["also"] = .text(new)
        return
      }
      report.attributes["also"] = .text(Self.union(others, new, separator: ","))
    default: break
    }
  }

  /// The words of both, each once, in order of appearance; as many as a text may hold.
  private static func union(_ old: String, _ new: String, separator: Character) -> String {
    var words = old.split(separator: separator).map { $0.drop { $0 == " " } }
    var length = old.utf8.count
    for word in new.split(separator: separator).map({ $0.drop { $0 == " " } })
    where !words.contains(word) {
      length += word.utf8.count + 1
      guard length <= AttributeValue.textLimit else { break }
      words.append(word)
    }
    return words.joined(separator: String(separator))
  }
}
