import Reports
import Terms

/// How an actor is followed back from a host, session by session.
extension ActorBook {
  /// Hops of one way, and sessions looked at to find one.
  private static let hopLimit = 8
  private static let lookLimit = 256
  /// The share of what a host does that nobody who is logged in is behind: its console, its jobs.
  private static let ownShare = 0.1
  /// The same of a login that the host is known to make by itself.
  private static let jobShare = 1.0
  /// How soon after the inner of two sessions the outer ends when one user leaves both.
  private static let exitSpan = TimeSpan.seconds(2)
  /// Bytes that a session may show more than the one that carries it.
  private static let shownSlack: UInt64 = 4096

  private struct Search {
    var looks = 0
    var visited: Set<Int> = []
  }

  /// Who acts from `host` at `time`. Never nobody: where nothing leads elsewhere, the host itself.
  /// - Parameter strangers: the weight of others who may be behind it, beside its own share.
  func actor(at host: IPAddress, _ time: CaptureTime, strangers: Double = 0) -> Actor {
    var search = Search()
    return follow(host, time, behind: nil, strangers: strangers, &search)
  }

  /// Whether logins or leases say anything of the host.
  func knows(_ host: IPAddress, at time: CaptureTime) -> Bool {
    !sessions(into: host).isEmpty || !sessions(from: host).isEmpty
      || leases.tenure(of: host, at: time) != nil
  }

  private func follow(
    _ host: IPAddress, _ time: CaptureTime, behind next: Int?, strangers: Double,
    _ search: inout Search
  ) -> Actor {
    guard search.visited.count < Self.hopLimit else { return root(host, time) }
    var groups: [Actor.Identity: (weight: Double, best: Double, session: Int, actor: Actor)] = [:]
    let present = live(at: host, time)
    let hasNamesake = next.map { next in present.contains { isNamesake($0, next) } } ?? false
    for number in present where !search.visited.contains(number) {
      guard search.looks < Self.lookLimit, let session = sessions[number] else { break }
      search.looks += 1
      var weight = session.weight
      if session.row.isClosed, session.row.last < time { weight *= 0.5 }
      if let next { weight *= fit(session, next, hasNamesake: hasNamesake) }
      search.visited.insert(number)
      let client = clientSide(session).row.client
      let actor = follow(client, session.row.opened, behind: number, strangers: 0, &search)
      search.visited.remove(number)
      guard var group = groups[actor.identity] else {
        groups[actor.identity] = (weight, weight, number, actor)
        continue
      }
      // Several sessions of one actor are one reason, told by the best of them.
      group.weight = max(group.weight, weight)
      if (weight, group.session) > (group.best, number) {
        (group.best, group.session, group.actor) = (weight, number, actor)
      }
      groups[actor.identity] = group
    }
    guard !groups.isEmpty else { return root(host, time) }
    return choose(groups, host, time, behind: next, strangers: strangers)
  }

  private func choose(
    _ groups: [Actor.Identity: (weight: Double, best: Double, session: Int, actor: Actor)],
    _ host: IPAddress, _ time: CaptureTime, behind next: Int?, strangers: Double
  ) -> Actor {
    let own = (next.map { isJob($0) } ?? false) ? Self.jobShare : Self.ownShare
    let sum = groups.values.reduce(own + strangers) { $0 + $1.weight }
    let order = groups.sorted { ($1.value.weight, $0.key) < ($0.value.weight, $1.key) }
    guard let best = order.first?.value, let session = sessions[best.session] else {
      return root(host, time)
    }
    let confidence = best.weight / sum * best.actor.confidence
    guard confidence >= threshold else {
      var actor = root(host, time)
      actor.candidates = order.prefix(4).map {
        Actor.Candidate(
          origin: $0.value.actor.origin, confidence: $0.value.weight / sum)
      }
      return actor
    }
    var actor = best.actor
    actor.confidence = confidence
    actor.hops.append(hop(session, best.weight / sum))
    return actor
  }

  private func hop(_ session: ActorSession, _ confidence: Double) -> Actor.Hop {
    let row = session.row
    let twin = clientSide(session)
    let client = twin.row.client
    return Actor.Hop(
      client: client, server: row.server, service: row.service, user: row.user, opened: row.opened,
      closed: row.isClosed ? row.last : nil, confidence: confidence,
      translated: client == row.client ? nil : row.client,
      reports: session.before == nil ? session.reports : session.reports + twin.reports)
  }

  /// The host as an origin: by its lease, where one is known.
  private func root(_ host: IPAddress, _ time: CaptureTime) -> Actor {
    guard let tenure = leases.tenure(of: host, at: time) else {
      return Actor(identity: .address(host), origin: host, name: "\(host)")
    }
    var actor = Actor(
      identity: .client(tenure.client), origin: host, name: leases.name(tenure.client))
    for other in leases.tenures(of: tenure.client) {
      if !actor.addresses.contains(other.address) { actor.addresses.append(other.address) }
      actor.leases.append(other.report)
    }
    return actor
  }

  /// The sessions by which somebody is on the host at the time, or was just before, each once.
  private func live(at host: IPAddress, _ time: CaptureTime) -> [Int] {
    let candidates = sessions(into: host).filter { number in
      guard let session = sessions[number], session.row.outcome != .refused,
        ActorSession.interactive.contains(session.row.service)
      else { return false }
      return session.row.opened <= time && session.end(span: span) + linger >= time
    }
    // Of two sightings on both sides of a translation the client's is told by the other.
    let told = Set(
      candidates.compactMap { number -> Int? in
        guard let before = sessions[number]?.before, sessions[before]?.row.server == host else {
          return nil
        }
        return before
      })
    return candidates.filter { !told.contains($0) }
  }

  private func isNamesake(_ number: Int, _ next: Int) -> Bool {
    guard let outer = sessions[number]?.row, let inner = sessions[next]?.row else { return false }
    return !outer.user.isEmpty && outer.user == inner.user
  }

  /// How well a session into a host fits a login that goes on from there, 0.1–1.5: by the name it
  /// bears, and, once both are over, whether they ended together and the one could carry the other
  /// (Zhang and Paxson, "Detecting Stepping Stones", USENIX Security 2000, as far as whole sessions
  /// show).
  private func fit(_ session: ActorSession, _ next: Int, hasNamesake: Bool) -> Double {
    guard let inner = sessions[next]?.row else { return 1 }
    let outer = session.row
    var fit = 1.0
    if !outer.user.isEmpty, !inner.user.isEmpty {
      fit = outer.user == inner.user ? 1 : 0.25
    } else {
      fit = hasNamesake ? 0.3 : 0.8
    }
    guard outer.isClosed, inner.isClosed else { return fit }
    let gap = outer.last - inner.last
    if gap >= .zero, gap <= Self.exitSpan { fit *= 1.5 }
    if inner.bytesIn > outer.bytesIn &+ Self.shownSlack, inner.clientPort != 0,
      outer.clientPort != 0
    {
      fit *= 0.5
    }
    return fit
  }

  /// Whether the host makes such a login also when nobody is on it: a job, whoever is there today.
  private func isJob(_ number: Int) -> Bool {
    guard let row = sessions[number]?.row else { return false }
    return sessions(from: row.client).contains { other in
      guard let earlier = sessions[other]?.row, other != number, earlier.server == row.server,
        earlier.serverPort == row.serverPort, earlier.opened < row.opened,
        earlier.outcome != .refused
      else { return false }
      return live(at: row.client, earlier.opened).isEmpty
    }
  }
}
