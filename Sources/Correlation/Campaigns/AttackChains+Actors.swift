import Analysis
import Reports
import Terms

/// Steps of one actor, whatever host he acts from and whatever address he has.
extension AttackChains {
  /// Everything tells of the sensors, where there are steps at all.
  var interest: EventClasses { Self.steps(context).isEmpty ? [] : .all }

  /// Sources of a step up to which each may be somebody; a crowd is nobody.
  private static let sourceLimit = 4
  /// Steps kept of one actor.
  private static let actorLimit = 24
  /// Hosts to which a new session is followed on.
  private static let reachLimit = 64
  /// The weight of an intruder who was seen to get in, against that of somebody who logged in.
  private static let intruder = 0.6
  /// How far apart in time two reports of one step may lie.
  private static let sightingSpan = TimeSpan.minutes(2)
  /// Kinds that say of a host that somebody tried passwords: if he got in, the login is seen.
  private static let guesses: Set<ReportKind> = [.bruteForce, .passwordSpray]

  /// Takes what is told of logins and leases, and asks again who was behind the steps from there.
  mutating func hear(rows event: Report) {
    let hosts = actors.note(event)
    if !hosts.isEmpty { revisit(hosts, now: event.emitted) }
  }

  /// Takes a shell that a step gave somebody.
  mutating func hear(shell slot: Int32, now: CaptureTime) {
    guard let act = acts[Int(slot)], act.gives.target == .control,
      ActorSession.interactive.contains(act.report.kind.text), actors.note(shell: act.report)
    else { return }
    revisit(Set(act.targets + act.sources), now: now)
  }

  private mutating func revisit(_ hosts: Set<IPAddress>, now: CaptureTime) {
    var reached = hosts
    var queue = hosts.sorted()
    while let host = queue.popLast(), reached.count < Self.reachLimit {
      for next in actors.servers(from: host) where reached.insert(next).inserted {
        queue.append(next)
      }
    }
    var ids: Set<ReportID> = []
    for host in reached {
      footholds.eachTaker(at: host) { if $0.isSource { ids.insert($0.id) } }
    }
    let found = ids.compactMap(act).filter { $0.sources.contains(where: reached.contains) }
    for act in found.sorted(by: ChainAct.precedes) {
      guard let slot = slotOf[act.id], identify(slot) else { continue }
      schedule(slot, isNew: true, now: now)
    }
  }

  private func act(_ id: ReportID) -> ChainAct? {
    slotOf[id].flatMap { acts[Int($0)] }
  }

  /// Asks who took the step; true when that says something new of it.
  mutating func identify(_ slot: Int32) -> Bool {
    guard !actors.isEmpty, let act = acts[Int(slot)], act.sources.count <= Self.sourceLimit,
      act.report.sources.isComplete
    else { return false }
    let id = act.id
    let actor = actor(of: act)
    guard actor != act.actor else { return false }
    if actor?.identity != act.actor?.identity {
      forget(act)
      if let identity = actor?.identity { remember(id, as: identity) }
    }
    acts[Int(slot)]?.actor = actor
    let isLinked = linkByActor(id)
    let wasElsewhere = act.actor?.isElsewhere ?? false
    guard let actor, actor.isElsewhere else { return isLinked || wasElsewhere }
    return isLinked || actor.path != act.actor?.path || actor.users != act.actor?.users
  }

  private mutating func remember(_ id: ReportID, as identity: Actor.Identity) {
    var list = actsOf[identity] ?? []
    list.append(id)
    if list.count > Self.actorLimit { list.removeFirst() }
    actsOf[identity] = list
  }

  /// Takes a step out of the actor's.
  mutating func forget(_ act: ChainAct) {
    guard let identity = act.actor?.identity, var list = actsOf[identity] else { return }
    list.removeAll { $0 == act.id }
    actsOf[identity] = list.isEmpty ? nil : list
  }

  /// Who acted: of several sources the one that leads farthest back. Of a host that a campaign took
  /// itself is told how, and a source that cannot have been there is nobody.
  private func actor(of act: ChainAct) -> Actor? {
    let report = act.report
    // Of whom nobody tells anything, nothing follows.
    let known = act.sources.filter { actors.knows($0, at: report.first) }
    guard known.contains(where: { !act.taken.contains($0) }), judge.isPossible(act) else {
      return nil
    }
    var best: Actor?
    for source in known where !act.taken.contains(source) {
      let inside = actors.translated(
        source, to: Set(act.targets), ports: report.ports, from: report.first, until: report.last)
      let host = inside?.client ?? source
      guard actors.knows(host, at: report.first) else { continue }
      var actor = actors.actor(at: host, report.first)
      if isIntruded(source, before: act, besides: actor) {
        actor = actors.actor(at: host, report.first, strangers: Self.intruder)
      }
      if let inside, let session = actors.sessions[inside.session] {
        actor.translated = source
        actor.twins = session.reports + actors.clientSide(session).reports
      }
      guard let known = best else {
        best = actor
        continue
      }
      if (actor.hops.count, actor.addresses.count) > (known.hops.count, known.addresses.count) {
        best = actor
      }
    }
    return best
  }

  /// Whether somebody else than the actor was seen to get in before.
  private func isIntruded(_ host: IPAddress, before act: ChainAct, besides actor: Actor) -> Bool {
    guard !actor.hops.isEmpty else { return false }
    let own = Set(actor.path + actor.addresses + actor.hops.compactMap(\.translated))
    var isFound = false
    footholds.eachGiver(at: host) { entry in
      guard !isFound, entry.id != act.id, let giver = self.act(entry.id),
        giver.report.first <= act.report.first,
        giver.foothold(at: host).map({ $0 >= .entry }) ?? false,
        !Self.guesses.contains(giver.report.kind)
      else { return }
      isFound = !giver.sources.contains(where: own.contains)
    }
    return isFound
  }

  /// Links a step to those of the same actor under other addresses, and to other sightings of it.
  private mutating func linkByActor(_ id: ReportID) -> Bool {
    guard let act = act(id), let actor = act.actor, actor.candidates.isEmpty else { return false }
    var isNew = false
    for other in actsOf[actor.identity] ?? [] where other != id {
      guard let known = self.act(other), let theirs = known.actor, theirs.candidates.isEmpty,
        let source = act.sources.first
      else { continue }
      let (before, after) = ChainAct.precedes(known, act) ? (known, act) : (act, known)
      guard before.report.last + judge.window >= after.report.first else { continue }
      if act.sharesSource(with: known) {
        guard actor.isElsewhere, act.report.kind == known.report.kind,
          before.report.last + Self.sightingSpan >= after.report.first
        else { continue }
      }
      let strength = min(actor.confidence, theirs.confidence)
      guard strength >= judge.threshold else { continue }
      let link = ChainLink(
        before: before.id, after: after.id, host: after.sources.first ?? source, have: .control,
        need: .control, tie: .actor, strength: strength)
      isNew = add([link]) || isNew
    }
    return isNew
  }

  /// Whether what ties two steps is an address that another host had by then.
  func isAnothersAddress(_ link: ChainLink) -> Bool {
    guard !actors.leases.isEmpty, let before = act(link.before), let after = act(link.after)
    else { return false }
    func changed(_ address: IPAddress) -> Bool {
      actors.leases.changedHands(address, before.report.last, after.report.first)
    }
    switch link.tie {
    case .source: return before.sources.filter(after.isFrom).allSatisfy(changed)
    case .host: return changed(link.host)
    case .network, .actor: return false
    }
  }
}

extension AttackChains: LossCounting {
  var losses: UInt64 { evicted &+ footholds.evicted &+ actors.losses }
}
