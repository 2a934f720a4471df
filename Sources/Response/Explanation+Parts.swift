import Reports

/// What conclusions can have to do with one another, by kind: where to look before `covers` decides.
extension Explanation {
  /// The two sides of a report.
  enum Role: UInt8, Sendable, Codable, CaseIterable { case source, target }

  /// What a conclusion is, as far as explanations go.
  enum Part: UInt8, Sendable, Codable, CaseIterable {
    case scan, distributedScan, flood, distributedFlood, denial, forgery, intrusion, guessing
    case spray, tunnel, worm, campaign, anomaly, other, probe

    init(_ report: Report) {
      if report.attributes["directive"] != nil {
        self = .campaign
      } else if let known = Self.ofKind[report.kind] {
        self = known
      } else {
        self.init(family: report.kind)
      }
    }

    private init(family kind: ReportKind) {
      switch kind.families {
      case .dos: self = kind.text.hasSuffix("-flood") ? .flood : .denial
      case .worm: self = .worm
      case .campaign: self = .campaign
      case .anomaly: self = .anomaly
      default: self = .other
      }
    }

    private static let ofKind: [ReportKind: Part] = [
      .portScan: .scan, .slowScan: .scan, .pingSweep: .scan, .distributedScan: .distributedScan,
      .distributedFlood: .distributedFlood, .ipSpoof: .forgery, .webAttack: .intrusion,
      .overflow: .intrusion, .signature: .intrusion, .bruteForce: .guessing,
      .loginAfterGuessing: .guessing,
      .passwordSpray: .spray, .icmpTunnel: .tunnel, .synFlood: .flood, .udpFlood: .flood,
      .icmpFlood: .flood, .httpFlood: .flood, .serviceProbe: .probe, .osFingerprint: .probe,
      .webScan: .probe,
    ]

    /// Whether it may explain reports that share no address with it.
    var explainsByPorts: Bool { self == .worm || self == .distributedScan }

    /// The cases that it may explain or be explained by, found by an address that it has in the role.
    func wanted(_ role: Role) -> CaseGroup.Mask { Self.wanted[Int(rawValue * 2 + role.rawValue)] }

    /// By part and role: an address that a conclusion has in the role is one that a case of these
    /// parts has in these. Made of the pairs of a larger and a lesser one that `covers` knows.
    private static let wanted: [CaseGroup.Mask] = {
      var masks = [CaseGroup.Mask](repeating: CaseGroup.Mask(), count: allCases.count * 2)
      func tie(_ larger: Part, _ role: Role, _ lesser: Part, _ other: Role) {
        let (mine, theirs) = (CaseGroup(larger, role), CaseGroup(lesser, other))
        masks[Int(mine.number)].insert(theirs)
        masks[Int(theirs.number)].insert(mine)
      }
      tie(.scan, .source, .scan, .source)
      for larger in [Part.scan, .probe, .intrusion] { tie(larger, .source, .probe, .source) }
      tie(.spray, .source, .guessing, .source)
      tie(.guessing, .source, .guessing, .source)
      for lesser in [Part.flood, .distributedFlood, .forgery, .campaign] {
        tie(.distributedFlood, .target, lesser, .target)
      }
      for larger in [Part.flood, .denial] {
        for lesser in [Part.flood, .forgery] { tie(larger, .target, lesser, .target) }
        tie(larger, .target, .forgery, .source)
      }
      tie(.denial, .target, .flood, .source)
      tie(.tunnel, .target, .flood, .target)
      tie(.flood, .target, .distributedScan, .target)
      for lesser in [Part.scan, .distributedScan, .intrusion, .campaign] {
        tie(.worm, .source, lesser, .source)
      }
      tie(.worm, .source, .intrusion, .target)
      tie(.distributedScan, .source, .scan, .source)
      // Where only a target is common, a campaign explains what it rests on (`CaseIndex.byReport`).
      for lesser in allCases where lesser != .anomaly { tie(.campaign, .source, lesser, .source) }
      // Whatever is known of one of its hosts says more than that it is odd.
      for larger in allCases {
        for mine in Role.allCases {
          for theirs in Role.allCases { tie(larger, mine, .anomaly, theirs) }
        }
      }
      return masks
    }()
  }
}

extension Explanation {
  /// How much a conclusion explains: ordered by rank, then kind, then segments seen, then reasons given.
  static func weight(_ report: Report) -> Int {
    let within: Int
    switch report.kind {
    case .wormOutbreak, .smurf, .fraggle, .amplification: within = 3
    // Forged sources come with a flood.
    case .ipSpoof: within = 1
    // What is odd about a host goes with what it did.
    case .profileAnomaly, .serviceDown: within = 0
    // A local tap that saw the whole scan tells more of it than a sum of failures.
    case .slowScan: within = 1
    // What comes before and after a scan or an attempt.
    case .pingSweep, .serviceProbe, .osFingerprint, .webScan: within = 1
    // The guessing gives the attack its name.
    case .loginAfterGuessing: within = 1
    // Who did it goes with what was done.
    case .multiStage where namesActor(report): within = 0
    case .multiStage where isChained(report): within = 3
    default: within = 2
    }
    return rank(report) << 40 | within << 32
      | min(report.coverage.segments.count, 0xffff) << 16 | min(report.terms.count, 0xffff)
  }
}
