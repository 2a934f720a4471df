import Reports
import Terms

/// Who tried whom on one port, and who began to try others after having been reached: the causal
/// graph of GrIDS (Staniford-Chen et al. 1996), kept per port.
struct WormGraph: Sendable, Codable {
  /// A host as the graph knows it.
  struct Host: Sendable, Codable {
    /// Its first failed contact on the port: when it began to search.
    var began = CaptureTime.distantFuture
    var last = CaptureTime.distantPast
    /// By when it had failed at `searchTargets`.
    var settled = CaptureTime.distantFuture
    var failedTargets: Set<IPPrefix> = []
    var reachedTargets: Set<IPPrefix> = []
    var grounds = Grounds()
  }

  /// When `source` first reached a host, as far as anyone saw.
  struct Reach: Hashable, Sendable, Codable {
    var source: IPPrefix
    var time: CaptureTime
  }

  /// A host that searches, with the searching host that reached it before.
  struct Infection: Sendable {
    var host: IPPrefix
    /// nil for a root, or where the contact went unseen.
    var parent: IPPrefix?
    var began: CaptureTime
    /// 1 for a root.
    var generation = 1
  }

  /// Hosts that failed at so many targets are kept apart: most fail at one.
  static let fanLimit = 2
  /// Failures after which a host is plainly searching.
  static let searchTargets = 4
  /// Reaches remembered per host, the earliest first.
  static let reachLimit = 32
  /// Targets remembered per searching host.
  static let targetLimit = 1024

  private(set) var searchers: [IPPrefix: Host] = [:]
  private(set) var reached: [IPPrefix: [Reach]] = [:]
  private var fanned: Set<IPPrefix> = []
  private(set) var last = CaptureTime.distantPast

  var size: Int { searchers.count + reached.count }

  /// Notes what a host tried; returns how many targets it has failed at.
  /// - Parameter rest: adds what this rests on.
  @discardableResult
  mutating func search(
    by source: IPPrefix, failed: [IPPrefix], succeeded: [IPPrefix], first: CaptureTime,
    last: CaptureTime, _ rest: (inout Grounds) -> Void
  ) -> Int {
    // In place: a host taken out and put back would be copied with all its targets.
    let failures = searchers[source, default: Host()].take(
      failed: failed, succeeded: succeeded, first: first, last: last, rest)
    if failures >= Self.fanLimit { fanned.insert(source) }
    self.last = max(self.last, last)
    return failures
  }

  /// Keeps the earliest reach of each source.
  mutating func reach(_ target: IPPrefix, by source: IPPrefix, at time: CaptureTime) {
    guard target != source else { return }
    last = max(last, time)
    if let place = reached.index(forKey: target),
      let known = reached.values[place].first(where: { $0.source == source }), known.time <= time
    {
      return
    }
    var list = reached.removeValue(forKey: target) ?? []
    defer { reached[target] = list }
    if let index = list.firstIndex(where: { $0.source == source }) {
      list[index].time = time
    } else if list.count < Self.reachLimit {
      list.append(Reach(source: source, time: time))
    } else {
      // A later stranger displaces nobody; a searching source displaces the latest stranger.
      guard searchers[source] != nil,
        let index = list.indices.filter({ searchers[list[$0].source] == nil }).max(by: {
          (list[$0].time, list[$0].source) < (list[$1].time, list[$1].source)
        })
      else { return }
      list[index] = Reach(source: source, time: time)
    }
    list.sort { ($0.time, $0.source) < ($1.time, $1.source) }
  }

  /// The hosts that failed at `fanOut` targets or more, each with its likely parent: who among them
  /// reached it earliest, before it began. Sorted by beginning.
  func infections(fanOut: Int, isAlike: (IPPrefix, IPPrefix) -> Bool) -> [Infection] {
    var hosts: [IPPrefix: Host] = [:]
    for host in fanOut < Self.fanLimit ? Set(searchers.keys) : fanned {
      guard let state = searchers[host], state.failedTargets.count >= fanOut else { continue }
      hosts[host] = state
    }
    let order = hosts.sorted { ($0.value.began, $0.key) < ($1.value.began, $1.key) }
    var found: [IPPrefix: Infection] = [:]
    for (host, state) in order {
      let parent = (reached[host] ?? []).first { reach in
        guard let source = hosts[reach.source] else { return false }
        return reach.time <= state.began && (source.began, reach.source) < (state.began, host)
          && isAlike(reach.source, host)
      }
      var infection = Infection(host: host, parent: parent?.source, began: state.began)
      if let parent, let known = found[parent.source] {
        infection.generation = known.generation + 1
      }
      found[host] = infection
    }
    return order.compactMap { found[$0.key] }
  }

  /// Who reached a host before it began to search, when it was one source alone.
  func soleEntry(to host: IPPrefix, before began: CaptureTime) -> IPPrefix? {
    let early = (reached[host] ?? []).filter { $0.time <= began }
    return early.count == 1 ? early.first?.source : nil
  }

  mutating func forget(before oldest: CaptureTime) {
    for (host, state) in searchers where state.last < oldest {
      searchers[host] = nil
      fanned.remove(host)
    }
    for (host, list) in reached {
      // Mostly all of them are young.
      guard list.contains(where: { $0.time < oldest && searchers[$0.source] == nil })
      else { continue }
      let kept = list.filter { $0.time >= oldest || searchers[$0.source] != nil }
      reached[host] = kept.isEmpty ? nil : kept
    }
  }
}

extension WormGraph.Host {
  mutating func take(
    failed: [IPPrefix], succeeded: [IPPrefix], first: CaptureTime, last: CaptureTime,
    _ rest: (inout Grounds) -> Void
  ) -> Int {
    began = min(began, first)
    self.last = max(self.last, last)
    for target in failed where failedTargets.count < WormGraph.targetLimit {
      failedTargets.insert(target)
    }
    if failedTargets.count >= WormGraph.searchTargets { settled = min(settled, last) }
    for target in succeeded where reachedTargets.count < WormGraph.targetLimit {
      reachedTargets.insert(target)
    }
    rest(&grounds)
    return failedTargets.count
  }
}
