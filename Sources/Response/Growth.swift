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

  /// - Parameters:
  ///   - isAlone: of its case, where reasons and segments weigh against nobody's.
  ///   - parts: in which the two differ.
  init(from old: Report, to new: Report, _ parts: Report.Parts, isAlone: Bool) {
    if parts.isEmpty, old.kind == new.kind, new.kind.families != .campaign {
      self = .none
      return
    }
    guard old.kind == new.kind, !parts.contains(.ports),
      old.derivedFrom.count == new.derivedFrom.count,
      isAlone
        || old.terms.count == new.terms.count
          && old.coverage.segments.count == new.coverage.segments.count,
      new.kind.families != .campaign,
      // What a directive says of its stages.
      !parts.contains(.attributes) || new.attributes["directive"] == nil
    else {
      self = .meaning
      return
    }
    let hasNewHosts =
      parts.contains(.sources) && old.sources.listed != new.sources.listed
      || parts.contains(.targets) && old.targets.listed != new.targets.listed
    self = hasNewHosts ? .hosts : .none
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
