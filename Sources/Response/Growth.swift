import Reports
import Terms

/// What a newer revision of a conclusion has that the one before had not.
enum Growth {
  /// Times and numbers: whatever explains it, or is explained, does so still.
  case none
  /// Hosts, too.
  case hosts
  /// Something that may change what it means.
  case meaning

  /// - Parameter isAlone: of its case, where reasons and segments weigh against nobody's.
  init(from old: Report, to new: Report, isAlone: Bool) {
    if old.sharesLists(with: new), old.kind == new.kind, new.kind.families != .campaign {
      self = .none
      return
    }
    guard old.kind == new.kind, old.ports == new.ports,
      old.derivedFrom.count == new.derivedFrom.count,
      isAlone
        || old.terms.count == new.terms.count
          && old.coverage.segments.count == new.coverage.segments.count,
      new.kind.families != .campaign, Self.hasSameWords(old, new)
    else {
      self = .meaning
      return
    }
    self =
      old.sources.listed == new.sources.listed && old.targets.listed == new.targets.listed
      ? .none : .hosts
  }

  /// What a directive says of its stages.
  private static func hasSameWords(_ old: Report, _ new: Report) -> Bool {
    // Mostly they are one dictionary.
    old.attributes == new.attributes || new.attributes["directive"] == nil
  }
}

extension AddressSet {
  /// The members named here and not in an earlier state of the set. Both lists are sorted.
  func listed(since old: AddressSet) -> [IPPrefix] {
    guard !old.isEmpty else { return listed }
    guard listed != old.listed else { return [] }
    var fresh: [IPPrefix] = []
    var place = 0
    for member in listed {
      while place < old.listed.count, old.listed[place] < member { place += 1 }
      if place == old.listed.count || old.listed[place] != member { fresh.append(member) }
    }
    return fresh
  }
}
