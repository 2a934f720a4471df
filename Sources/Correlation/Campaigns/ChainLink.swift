import Reports
import Terms

/// One step that may have led to another: the earlier gave of a host what the later needs of it.
struct ChainLink: Sendable, Codable {
  /// What makes both steps one attacker's.
  enum Tie: Hashable, Sendable, Codable {
    /// Both come from one source.
    case source
    /// Their sources are neighbours in one network outside.
    case network(IPPrefix)
    /// The host that was attacked does the later.
    case host
    /// Logins or leases show one actor behind both (`ActorBook`).
    case actor

    var words: String {
      switch self {
      case .source: "same source"
      case .network(let prefix): "sources of one network \(prefix)"
      case .host: "by the host itself"
      case .actor: "same actor"
      }
    }

    init(from decoder: any Decoder) throws {
      var list = try decoder.unkeyedContainer()
      switch (try list.decode(UInt8.self), try list.decode(IPPrefix?.self)) {
      case (1, let prefix?): self = .network(prefix)
      case (2, _): self = .host
      case (3, _): self = .actor
      default: self = .source
      }
    }

    func encode(to encoder: any Encoder) throws {
      var list = encoder.unkeyedContainer()
      var network: IPPrefix?
      if case .network(let prefix) = self { network = prefix }
      let number: UInt8 =
        switch self {
        case .source: 0
        case .network: 1
        case .host: 2
        case .actor: 3
        }
      try list.encode(number)
      try list.encode(network)
    }
  }

  var before: ReportID
  var after: ReportID
  var host: IPAddress
  var have: Foothold
  var need: Foothold
  var tie: Tie
  /// The later step goes to the attacker's own addresses.
  var pointsBack = false
  /// Nobody could see the steps between.
  var isBlind = false
  var strength: Double

  /// The steps that must have been between the two.
  var missing: [Foothold] { Foothold.allCases.filter { $0 > have && $0 <= need } }
}

/// Decides whether one step led to another.
struct ChainJudge: Sendable, Codable {
  /// Strength by how many steps were not seen in between: of knowing, which is cheap, and of
  /// holding, which is not.
  private static let knowing = [1.0, 0.8, 0.2, 0.1]
  private static let holding = [1.0, 0.5, 0.1, 0.0]
  private static let neighbour = 0.75
  /// A host that is attacked and then attacks; data that goes to the attacker; a blind sensor.
  private static let turning = 0.25
  private static let pointing = 0.5
  private static let blindness = 0.3

  let context: CorrelationContext
  let window: TimeSpan
  let handover: TimeSpan
  let threshold: Double

  /// nil when the two have nothing to do with one another at `host`. The later must be possible.
  func judge(
    _ before: ChainAct, _ after: ChainAct, at host: IPAddress, _ sensors: SensorMemory
  ) -> ChainLink? {
    guard before.report.first <= after.report.first,
      before.report.last + window >= after.report.first,
      let have = before.foothold(at: host)
    else { return nil }
    let isBlind = sensors.isBlind(context.segment(of: host), asOf: after.report.emitted)
    let links = [
      knowledge(before, after, at: host, have: have, isBlind: isBlind),
      possession(before, after, of: host, have: have, isBlind: isBlind),
    ].compactMap { $0 }
    return links.filter { $0.strength >= threshold }.max { $0.strength < $1.strength }
  }

  /// The later step needs to know, or to have tried, what the earlier did to the same target.
  private func knowledge(
    _ before: ChainAct, _ after: ChainAct, at host: IPAddress, have: Foothold, isBlind: Bool
  ) -> ChainLink? {
    guard let need = after.needs.target, after.isAt(host) else { return nil }
    var have = have
    // A scan is told of in its first moments; only a revision says which ports it came to.
    if have == .service, before.report.revision > 0, !sharesPorts(before.report, after.report) {
      have = .host
    }
    let tie: ChainLink.Tie
    if before.sharesSource(with: after) {
      tie = .source
    } else if have == .service, goesOn(before, after),
      let network = network(before.report, after.report)
    {
      tie = .network(network)
    } else {
      return nil
    }
    let missing = max(0, need.level - have.level)
    var strength = Self.knowing[missing]
    if tie != .source { strength *= Self.neighbour }
    if missing > 0, isBlind { strength += Self.blindness }
    return ChainLink(
      before: before.id, after: after.id, host: host, have: min(have, need), need: need, tie: tie,
      isBlind: isBlind && missing > 0, strength: min(1, strength))
  }

  /// The later step comes from the host that the earlier attacked.
  private func possession(
    _ before: ChainAct, _ after: ChainAct, of host: IPAddress, have: Foothold, isBlind: Bool
  ) -> ChainLink? {
    guard let need = after.needs.source, context.isHome(IPPrefix(host: host)),
      after.isFrom(host),
      !before.isFrom(host) || before.taken.contains(host) || before.seat == host && after.isExit,
      // What tells itself how the host was taken needs no lesser reason.
      !after.taken.contains(host) || have == .control,
      leads(before, to: after, from: host)
    else { return nil }
    let missing = max(0, need.level - have.level)
    var strength = Self.holding[missing]
    let pointsBack = self.pointsBack(before.report, after.report)
    if missing > 0 {
      if after.isAttack { strength += Self.turning }
      if pointsBack { strength += Self.pointing }
      if isBlind { strength += Self.blindness }
    }
    return ChainLink(
      before: before.id, after: after.id, host: host, have: min(have, need), need: need,
      tie: .host, pointsBack: pointsBack, isBlind: isBlind && missing > 0,
      strength: min(1, strength))
  }

  /// Whether what was done to the host explains who does the later step: it began it, or most of the
  /// hosts inside that do it were attacked by the earlier. One bot of many, infected by a worm, does
  /// not make the flood the worm's.
  private func leads(_ before: ChainAct, to after: ChainAct, from host: IPAddress) -> Bool {
    if after.sources.count == 1 || after.report.attributes["root"] == .address(host) { return true }
    let crowd = after.sources.filter { context.isHome(IPPrefix(host: $0)) }
    return crowd.count { before.foothold(at: $0) != nil } * 2 > crowd.count
  }

  private func sharesPorts(_ left: Report, _ right: Report) -> Bool {
    guard !left.ports.isEmpty, !right.ports.isEmpty, left.ports.count < Report.Limit.ports
    else { return true }
    return !Set(left.ports).isDisjoint(with: right.ports)
  }

  /// Whether what was only looked at is now attacked: two neighbours who do alike are two.
  private func goesOn(_ before: ChainAct, _ after: ChainAct) -> Bool {
    before.gives.target == .service && after.gives.target.map { $0 > .service } ?? false
  }

  /// The network outside that the sources of both share, when the later takes over at once from the
  /// earlier: attackers scan from one address and go on from the next. A crowd, or a scan behind
  /// decoys, has neighbours everywhere.
  private func network(_ before: Report, _ after: Report) -> IPPrefix? {
    let gap = (after.first - before.last).nanoseconds
    guard gap >= 0, gap <= handover.nanoseconds, before.sources.count == 1, after.sources.count == 1
    else { return nil }
    let networks = Set(before.sources.listed.compactMap(Self.network))
    return after.sources.listed.compactMap(Self.network).filter {
      networks.contains($0) && !context.isHome($0)
    }.min()
  }

  /// An address's /24, or its /64.
  private static func network(_ address: IPPrefix) -> IPPrefix? {
    guard address.isHost else { return nil }
    return IPPrefix(address.base, length: address.base.isIPv4 ? 24 : 64)
  }

  private func pointsBack(_ before: Report, _ after: Report) -> Bool {
    let outside = before.sources.listed.filter { !context.isHome($0) }
    return outside.contains { source in
      after.targets.listed.contains { target in
        target == source
          || (!context.isHome(target) && Self.network(target) == Self.network(source))
      }
    }
  }

  // MARK: Reachability

  /// Whether the topology lets the step be: its source reaches a target, and what stays within a
  /// segment was seen there. Otherwise the source is forged.
  func isPossible(_ act: ChainAct) -> Bool {
    let (sources, targets) = (act.sources, act.targets)
    guard let first = sources.first, !targets.isEmpty, !context.segments.isEmpty else {
      return true
    }
    guard canReach(sources, targets) else { return false }
    let only = context.segment(of: first)
    guard only != context.perimeter,
      sources.dropFirst().allSatisfy({ context.segment(of: $0) == only }),
      targets.allSatisfy({ context.segment(of: $0) == only })
    else { return true }
    let seen = act.report.coverage.segments
    return seen.isEmpty || seen.contains(only)
  }

  /// Whether the segment of some source reaches that of some target.
  private func canReach(_ sources: [IPAddress], _ targets: [IPAddress]) -> Bool {
    guard !context.reaches.isEmpty else { return true }
    for source in sources {
      let start = context.segment(of: source)
      // One that is not named reaches all.
      guard let within = context.reaches[start] else { return true }
      for target in targets {
        let end = context.segment(of: target)
        if start == end || within.contains(end) { return true }
      }
    }
    return false
  }
}
