import Reports
import Terms

/// Who was behind a campaign, in attributes and reasons.
extension ChainStory {
  static let actor = "actor"
  static let path = "path"
  static let users = "users"
  static let addresses = "addresses"
  /// Who was named is no longer the only one who comes into question.
  static let uncertain = "uncertain"
  /// Reasons of one actor's way at most.
  private static let reasonLimit = 10

  /// The actor who came the longest way; of equals the surest, then the first.
  static func actor(of acts: [ChainAct]) -> Actor? {
    var best: Actor?
    for actor in acts.compactMap(\.actor) where actor.isElsewhere || !actor.candidates.isEmpty {
      guard let known = best else {
        best = actor
        continue
      }
      if (actor.hops.count, actor.addresses.count, actor.confidence)
        > (known.hops.count, known.addresses.count, known.confidence)
      {
        best = actor
      }
    }
    return best
  }

  /// What the campaign says of who was behind it; what a child said, where this monitor cannot know.
  func actorAttributes(_ actor: Actor?) -> [(String, AttributeValue)] {
    guard let actor, actor.isElsewhere else {
      guard isWorthTelling else { return [(Self.actor, .text(Self.uncertain))] }
      return [Self.actor, Self.path, Self.users, Self.addresses].compactMap { name in
        acts.lazy.compactMap { $0.report.attributes[name] }.first.map { (name, $0) }
      }
    }
    var attributes: [(String, AttributeValue)] = [(Self.actor, .text(actor.name))]
    if !actor.hops.isEmpty {
      let path = actor.path.map(\.description)
      attributes.append((Self.path, .text(Self.list(path, " > "))))
    }
    if !actor.users.isEmpty {
      attributes.append((Self.users, .text(Self.list(actor.users, ","))))
    }
    let addresses = actor.addresses + [actor.translated].compactMap { $0 }
    if addresses.count > 1 || actor.translated != nil {
      let all = actor.addresses.isEmpty ? [actor.origin] + addresses : addresses
      attributes.append((Self.addresses, .text(Self.list(all.map(\.description), ","))))
    }
    return attributes
  }

  /// Each hop with its times and how sure it is, and what else ties the actor together.
  func actorTerms(_ actor: Actor?, threshold: Double) -> [Term] {
    guard let actor else { return [] }
    var terms: [Term] = []
    if actor.isElsewhere {
      terms.append(
        Term("actor \(actor.name), from \(actor.origin)", actor.confidence, threshold: threshold))
    }
    terms += actor.hops.map { Term("hop \($0.text)", $0.confidence) }
    if actor.addresses.count > 1 {
      let list = Self.list(actor.addresses.map(\.description), ", ")
      terms.append(Term("one host by its leases: \(list)", Double(actor.addresses.count)))
    }
    if let translated = actor.translated {
      terms.append(Term("address translation: \(actor.origin) seen as \(translated)", 1))
    }
    terms += actor.candidates.map {
      Term("perhaps before: from \($0.origin)", $0.confidence, threshold: threshold)
    }
    return Array(terms.prefix(Self.reasonLimit))
  }
}
