extension Report {
  /// Lists of a report, a bit each.
  public struct Parts: OptionSet, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let sources = Parts(rawValue: 1)
    public static let targets = Parts(rawValue: 1 << 1)
    public static let ports = Parts(rawValue: 1 << 2)
    public static let attributes = Parts(rawValue: 1 << 3)
    public static let evidence = Parts(rawValue: 1 << 4)
    public static let derivedFrom = Parts(rawValue: 1 << 5)
    public static let terms = Parts(rawValue: 1 << 6)
    public static let coverage = Parts(rawValue: 1 << 7)
  }

  /// The lists that are not the same in both: one look for whoever takes a newer revision, which mostly
  /// shares all of them with the one before, or all but one.
  public func parts(unlike other: Report) -> Parts {
    lists.withUnsafeBufferPointer { mine in
      other.lists.withUnsafeBufferPointer { theirs in
        guard let mine = mine.baseAddress, let theirs = theirs.baseAddress, mine != theirs
        else { return [] }
        return mine.pointee.parts(unlike: theirs.pointee)
      }
    }
  }
}

extension Report.Lists {
  fileprivate func parts(unlike other: Report.Lists) -> Report.Parts {
    var parts: Report.Parts = []
    if sources != other.sources { parts.insert(.sources) }
    if targets != other.targets { parts.insert(.targets) }
    if ports != other.ports { parts.insert(.ports) }
    if attributes != other.attributes { parts.insert(.attributes) }
    if evidence != other.evidence { parts.insert(.evidence) }
    if derivedFrom != other.derivedFrom { parts.insert(.derivedFrom) }
    if terms != other.terms { parts.insert(.terms) }
    if coverage != other.coverage { parts.insert(.coverage) }
    return parts
  }
}
