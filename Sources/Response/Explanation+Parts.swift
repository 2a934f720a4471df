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
      switch kind.family {
      case "dos": self = kind.text.hasSuffix("-flood") ? .flood : .denial
      case "worm": self = .worm
      case "campaign": self = .campaign
      case "anomaly": self = .anomaly
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

    /// Where the cases stand that it may explain or be explained by.
    var ties: [Tie] { Tie.ofPart[Int(rawValue)] }
  }

  /// An address that a conclusion has in the role `mine` is one that a case of this part has in the
  /// role `theirs`.
  struct Tie: Hashable, Sendable {
    var mine: Role
    var part: Part
    var theirs: Role

    /// By part; made of the pairs of a larger and a lesser one that `covers` knows.
    static let ofPart: [[Tie]] = {
      var ties = [[Tie]](repeating: [], count: Part.allCases.count)
      func tie(_ larger: Part, _ role: Role, _ lesser: Part, _ other: Role) {
        for (mine, tie) in [
          (larger, Tie(mine: role, part: lesser, theirs: other)),
          (lesser, Tie(mine: other, part: larger, theirs: role)),
        ] where !ties[Int(mine.rawValue)].contains(tie) {
          ties[Int(mine.rawValue)].append(tie)
        }
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
      tie(.tunnel, .target, .flood, .target)
      for lesser in [Part.scan, .distributedScan, .intrusion, .campaign] {
        tie(.worm, .source, lesser, .source)
      }
      tie(.worm, .source, .intrusion, .target)
      tie(.distributedScan, .source, .scan, .source)
      for lesser in Part.allCases where lesser != .anomaly {
        for role in Role.allCases { tie(.campaign, role, lesser, role) }
      }
      // Whatever is known of one of its hosts says more than that it is odd.
      for larger in Part.allCases {
        for mine in Role.allCases {
          for theirs in Role.allCases { tie(larger, mine, .anomaly, theirs) }
        }
      }
      return ties
    }()
  }
}
