import Analysis
import Reports
import Terms

/// One attack as fusion sees it: the conclusion, and the reports that joined in it.
///
/// Most have one report, and are small then: what several need stands apart.
struct FusedAttack: Sendable, Codable {
  struct Member: Sendable, Codable {
    var id: ReportID
    var confidence: Double
  }

  var report: Report
  /// The engine's number of its kind.
  var kind: UInt16
  /// The report that opened it.
  private(set) var opener: Member
  private let openedBy: MonitorName
  /// Whether the kind can say which other techniques there were (`also`).
  var namesOthers = false
  /// Whether the index has not seen it yet, and how many values it knew of it.
  var isFresh = true
  var indexedSize: Int32 = 0
  /// The values under which the index finds it: most have one.
  private(set) var firstKey: IPPrefix?
  private(set) var otherKeys: [IPPrefix] = []
  /// In a list of one; empty as long as there is one report behind it.
  private var several: [Several] = []

  /// What is to be known of several reports.
  private struct Several: Sendable, Codable {
    /// Those that joined after the opener, in order; revisions of these are known again.
    var members: [Member] = []
    var monitors: [MonitorName] = []
    /// What it rests on: for one report, the conclusion says it all.
    var grounds = Grounds()
    var similarity = 1.0
    /// What the similarity of the last that joined was made of, feature by feature.
    var likenesses: [Similarity.Part] = []
    var doubt = 1.0
  }

  /// - Parameter event: the report that opens it; `absorb` takes its facts.
  init(report: Report, kind: UInt16, by event: Report) {
    self.report = report
    self.kind = kind
    opener = Member(id: event.id, confidence: event.confidence)
    openedBy = event.monitor
  }

  /// The ids of the reports whose revisions are followed.
  var members: [ReportID] { [opener.id] + (several.first?.members.map(\.id) ?? []) }
  var isAlone: Bool { several.isEmpty }
  private var memberCount: Int { 1 + (several.first?.members.count ?? 0) }

  // Mutating, since to lend an attack would be to copy it.

  mutating func askKind() -> UInt16 { kind }

  /// Its id, and how much a report is like it.
  mutating func likeness(_ event: Report, _ measure: Similarity) -> (ReportID, Double) {
    (report.id, measure.compare(event, report))
  }

  /// Notes how a report that is to join is like it.
  mutating func compare(_ event: Report, _ measure: Similarity) {
    prepareForSeveral()
    several[0].likenesses = measure.parts(event, report)
  }

  private mutating func prepareForSeveral() {
    guard several.isEmpty else { return }
    var fresh = Several(monitors: [openedBy], doubt: 1 - opener.confidence)
    fresh.grounds.add(report, as: report.derivedFrom)
    several = [fresh]
  }

  /// Takes the facts of one more report, or of one more revision of it; true when its revisions are
  /// followed. What does not change is not written: a conclusion shares its lists with all that was
  /// made of it.
  @discardableResult
  mutating func absorb(_ event: Report, memberCapacity: Int) -> Bool {
    let isFollowed = follow(event, capacity: memberCapacity)
    report.first = min(report.first, event.first)
    report.last = max(report.last, event.last)
    let parts = report.parts(unlike: event)
    if parts.contains(.sources) { report.sources.formUnion(event.sources) }
    if parts.contains(.targets) { report.targets.formUnion(event.targets) }
    if parts.contains(.ports) {
      report.ports = report.ports.united(with: event.ports, limit: Report.Limit.ports)
    }
    if report.transport != event.transport { report.transport = nil }
    report.severity = max(report.severity, event.severity)
    report.confidence = combinedConfidence
    // What a child saw come of it is not lost with the child's own incident.
    if let told = event.assessment, told.outcome > report.assessment?.outcome ?? .unknown {
      report.assessment = told
    }
    if parts.contains(.attributes) { mergeAttributes(of: event, isOpener: isAlone) }
    rest(on: event, parts)
    return isFollowed
  }

  private mutating func follow(_ event: Report, capacity: Int) -> Bool {
    if event.id == opener.id {
      guard opener.confidence != event.confidence else { return true }
      opener.confidence = event.confidence
      reckonDoubt()
      return true
    }
    prepareForSeveral()
    if !several[0].monitors.contains(event.monitor), several[0].monitors.count < capacity {
      several[0].monitors.append(event.monitor)
    }
    if let index = several[0].members.firstIndex(where: { $0.id == event.id }) {
      guard several[0].members[index].confidence != event.confidence else { return true }
      several[0].members[index].confidence = event.confidence
      reckonDoubt()
      return true
    }
    guard memberCount < capacity else { return false }
    several[0].members.append(Member(id: event.id, confidence: event.confidence))
    several[0].doubt *= 1 - event.confidence
    return true
  }

  private mutating func reckonDoubt() {
    guard !several.isEmpty else { return }
    several[0].doubt = several[0].members.reduce(1 - opener.confidence) {
      $0 * (1 - $1.confidence)
    }
  }

  /// Independent sightings confirm one another: 1 − Π(1 − confidence), short of certainty.
  private var combinedConfidence: Double {
    let others = several.first
    let most = (others?.members ?? []).reduce(max(0.99, opener.confidence)) {
      max($0, $1.confidence)
    }
    return min(most, 1 - (others?.doubt ?? 1 - opener.confidence))
  }

  private mutating func rest(on event: Report, _ parts: Report.Parts) {
    if several.isEmpty, event.evidence.count <= Report.Limit.evidence {
      if report.derivedFrom.isEmpty { report.derivedFrom = [event.id] }
      if report.evidence.isEmpty {
        report.evidence = event.evidence
      } else if parts.contains(.evidence) {
        report.evidence = merged(event)
      }
      if parts.contains(.coverage) { report.coverage = event.coverage }
      return
    }
    prepareForSeveral()
    several[0].grounds.add(event)
    several[0].grounds.apply(to: &report)
  }

  /// The evidence of the only report behind it, over its revisions.
  private func merged(_ event: Report) -> [Evidence] {
    var grounds = Grounds()
    grounds.add(report, as: [])
    grounds.add(event)
    var joined = report
    grounds.apply(to: &joined)
    return joined.evidence
  }

  /// Says why: what one report says needs no more than its severity.
  /// - Parameters:
  ///   - similarity: of a report that has joined; nil for a further revision.
  ///   - threshold: the least.
  mutating func explain(
    similarity: Double?, threshold: Double, _ lists: inout CommonLists
  ) {
    if !several.isEmpty, let similarity { several[0].similarity = similarity }
    guard let several = several.first else {
      guard report.terms.first?.value != report.severity else { return }
      report.terms = lists.reason(severity: report.severity)
      return
    }
    report.terms = [
      Term("similarity", several.similarity, threshold: threshold),
      Term("monitors", Double(several.monitors.count), unit: "monitors"),
      Term("severity", report.severity, threshold: Report.informationalSeverity),
    ]
    report.terms += several.likenesses.prefix(Report.Limit.terms - report.terms.count).map(\.term)
  }

  /// Tells it once more, and lets the index find it by what is new.
  mutating func revise(
    at time: CaptureTime, in index: inout AttackIndex, _ slot: Int32,
    _ anchor: Similarity.Anchor, into sink: inout ReportSink
  ) {
    report.revision &+= 1
    report.emitted = time
    index.add(&self, slot, anchor: anchor)
    sink.emit(report)
  }

  /// How many keys the index has of it.
  var keyCount: Int { (firstKey == nil ? 0 : 1) + otherKeys.count }

  mutating func note(key: IPPrefix) {
    if firstKey == nil { firstKey = key } else { otherKeys.append(key) }
  }

  /// Forgets where the index has it, as a new kind must.
  mutating func forgetKeys() -> [IPPrefix] {
    defer {
      firstKey = nil
      otherKeys = []
      isFresh = true
    }
    return (firstKey.map { [$0] } ?? []) + otherKeys
  }

  private mutating func mergeAttributes(of event: Report, isOpener: Bool) {
    guard !event.attributes.isEmpty else { return }
    if report.attributes.isEmpty {
      report.attributes = event.attributes
      return
    }
    for (name, value) in event.attributes {
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
