import Reports
import Terms

/// What came of an attack, as far as its own reports and those that joined it in one incident say.
struct OutcomeReading {
  private(set) var outcome = Assessment.Outcome.unknown
  private(set) var grounds: [Term] = []

  private static let groundLimit = 4

  /// - Parameter conclusions: of one incident, in any order.
  init(_ conclusions: [Report], _ fields: CaseFields) {
    var trials = 0
    var failures: [Term] = []
    for conclusion in conclusions {
      let words = Words(conclusion)
      if let reason = Self.success(conclusion, words, fields) {
        succeed(reason)
      } else if let reason = Self.failure(conclusion, words) {
        trials += 1
        failures.append(reason)
      } else if conclusion.kind.families == .access {
        trials += 1
      }
    }
    if conclusions.count > 1 {
      if let turned = Self.victimTurnedAttacker(conclusions) { succeed(turned) }
      if let down = Self.outage(conclusions) { succeed(down) }
    }
    // One trial whose end nobody saw may have succeeded.
    if outcome == .unknown, trials > 0, failures.count == trials {
      outcome = .failed
      grounds = Array(failures.prefix(Self.groundLimit))
    }
  }

  /// The same of a single conclusion that says nothing of its end.
  init(wordless conclusion: Report, _ fields: CaseFields) {
    if let reason = Self.success(conclusion, Words(), fields) { succeed(reason) }
  }

  /// Whether a report says nothing of its end in words or numbers.
  static func isWordless(_ report: Report) -> Bool {
    !report.attributes.keys.contains {
      switch $0 {
      case "controls", "granted", "classtype", "hits", "status", "attempts": true
      default: false
      }
    }
  }

  private mutating func succeed(_ reason: Term) {
    outcome = .succeeded
    if grounds.count < Self.groundLimit, !grounds.contains(reason) { grounds.append(reason) }
  }

  /// What a report says of its end, in its own words: most say nothing, and are asked once.
  private struct Words {
    var controls: String?
    var granted: String?
    var classtype: String?
    /// Of requests that succeeded.
    var hits: UInt64 = 0

    init() {}

    init(_ report: Report) {
      for (name, value) in report.attributes {
        switch (name, value) {
        case ("controls", .text(let text)): controls = text
        case ("granted", .text(let text)): granted = text
        case ("classtype", .text(let text)): classtype = text
        case ("hits", .count(let count)): hits = count
        default: break
        }
      }
    }
  }

  private static func success(
    _ report: Report, _ words: Words, _ fields: CaseFields
  ) -> Term? {
    func reason(_ text: String, _ value: Double = 1, unit: String = "") -> Term {
      Term("succeeded: \(report.kind): \(text)", value, unit: unit)
    }
    if let told = report.assessment, told.outcome == .succeeded {
      // A domain has seen more of it than it passes on.
      return told.grounds.first { $0.name.hasPrefix("succeeded: ") }
        ?? reason("says \(report.monitor)")
    }
    if let hosts = words.controls, !hosts.isEmpty {
      let count = hosts.split(separator: ",").count
      return reason("the attacker controls", Double(count), unit: count == 1 ? "host" : "hosts")
    }
    switch report.kind.families {
    case .worm where report.kind == .wormPropagation || report.kind == .wormOutbreak:
      return reason("victims turned attackers", Double(report.sources.count), unit: "hosts")
    case .exfil: return reason("data left")
    case .c2: return reason("a host of the site calls")
    default: break
    }
    if report.kind != .multiStage, fields.controlling.contains(report.kind) {
      return reason("gives control of the target")
    }
    if words.granted == "yes" {
      return reason("granted")
    }
    if let type = words.classtype, type.hasPrefix("successful-") {
      return reason("classified as \(type)")
    }
    if report.kind == .webAttack, words.hits > 0 {
      return reason("answered with success", Double(words.hits), unit: "requests")
    }
    return nil
  }

  private static func failure(_ report: Report, _ words: Words) -> Term? {
    func reason(_ text: String, _ value: Double = 1, unit: String = "") -> Term {
      Term("failed: \(report.kind): \(text)", value, unit: unit)
    }
    func count(_ name: String) -> UInt64? {
      if case .count(let count)? = report.attributes[name] { count } else { nil }
    }
    if report.kind == .webAttack, count("successes") ?? 0 == 0, let status = count("status"),
      (400..<500).contains(status)
    {
      return reason("the server refused", Double(status), unit: "(status)")
    }
    if report.kind == .bruteForce, let attempts = count("attempts"), attempts > 0,
      let failures = count("failures"), failures >= attempts
    {
      return reason("every guess was wrong", Double(failures), unit: "guesses")
    }
    if words.classtype == "unsuccessful-user" {
      return reason("classified as unsuccessful")
    }
    if words.granted == "no" { return reason("refused") }
    return nil
  }

  /// A target of an intrusion that attacks others afterwards.
  private static func victimTurnedAttacker(_ conclusions: [Report]) -> Term? {
    let attacks = conclusions.indices.filter {
      conclusions[$0].kind.families.isSubset(of: [.recon, .access, .lateral, .dos])
    }
    guard attacks.count > 1 else { return nil }
    // When each host was attacked first: one look for each, however many there are.
    var entries: [IPPrefix: CaptureTime] = [:]
    for place in attacks where conclusions[place].kind.families.isSubset(of: [.access, .lateral]) {
      let first = conclusions[place].first
      for target in conclusions[place].targets.listed where target.isHost {
        entries[target] = min(entries[target] ?? first, first)
      }
    }
    guard !entries.isEmpty else { return nil }
    for place in attacks {
      let first = conclusions[place].first
      let turned = conclusions[place].sources.listed.first { source in
        entries[source].map { $0 < first } ?? false
      }
      guard let turned else { continue }
      return Term(
        "succeeded: \(turned.base) attacks others since (\(conclusions[place].kind))", 1)
    }
    return nil
  }

  /// A flood whose target stopped answering.
  private static func outage(_ conclusions: [Report]) -> Term? {
    let floods = conclusions.indices.filter { conclusions[$0].kind.families == .dos }
    guard !floods.isEmpty else { return nil }
    let down = conclusions.first { conclusion in
      conclusion.kind == .serviceDown
        && floods.contains { conclusions[$0].targets.overlaps(conclusion.targets) }
    }
    return down.map { Term("succeeded: a service of \(first($0.targets)) stopped answering", 1) }
  }

  private static func first(_ set: AddressSet) -> String {
    set.listed.first.map { $0.isHost ? "\($0.base)" : "\($0)" } ?? "the target"
  }
}
