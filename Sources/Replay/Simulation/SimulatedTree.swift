import HeapModule
import Hierarchy
import Links
import Monitoring
import Reports
import Terms
import Tiers

/// All monitors of a topology in one process, joined by simulated links under a seeded plan of
/// faults.
///
/// The nodes are those of the real processes; only sockets, files and the clock are simulated. With
/// `FaultPlan.none` this is `beryl replay --in-process`.
public final class SimulatedTree {
  /// Host milliseconds between two pieces of a source.
  static let pieceInterval: UInt64 = 5
  /// Host milliseconds after which a tree that has not finished is given up.
  static let runLimit: UInt64 = 3_600_000
  /// Host milliseconds before the sources begin when a monitor is down: leases have run out by then,
  /// and children have found other parents.
  static let settlingTime: UInt64 = 30_000

  enum Happening {
    case produce(MonitorName)
    case tick(MonitorName)
    case opened(ConnectionID)
    case toParent(ConnectionID, LinkMessage)
    case toChild(ConnectionID, LinkMessage)
    case closed(ConnectionID, atParent: Bool, reason: String)
    case dialFailed(MonitorName, MonitorName, reason: String)
    case crash(MonitorName, length: UInt64, afterCommit: Bool)
    case restart(MonitorName)
    case cut(MonitorName)
  }

  struct Scheduled: Comparable {
    var time: HostTime
    var order: UInt64
    var happening: Happening

    static func < (left: Scheduled, right: Scheduled) -> Bool {
      (left.time, left.order) < (right.time, right.order)
    }

    static func == (left: Scheduled, right: Scheduled) -> Bool { left.order == right.order }
  }

  var monitors: [MonitorName: SimulatedMonitor] = [:]
  var connections: [ConnectionID: SimulatedConnection] = [:]
  var generator: SeededGenerator
  let faults: FaultPlan
  /// Monitors that are down from beginning to end.
  private let down: Set<MonitorName>
  private(set) var now = HostTime(nanoseconds: 0)
  private var agenda = Heap<Scheduled>()
  private var order: UInt64 = 0
  var newestConnection: UInt64 = 0
  /// Monitors that have something to do yet.
  private var busy: Set<MonitorName> = []
  /// Told after each piece of a source: how many pieces were taken.
  public var onPiece: ((Int) -> Void)?
  private var pieces = 0

  /// `sources` makes the source of each local monitor; those without one are silent.
  /// - Parameters:
  ///   - checkpointReports: reports after which a monitor keeps its state; nil for as many as a real
  ///     one.
  ///   - known: the topology's facts, for those who run many trees of it.
  public init(
    topology: Topology, faults: FaultPlan = .none, down: Set<MonitorName> = [],
    checkpointReports: UInt64? = nil, site known: SiteFacts? = nil,
    sources: [MonitorName: () throws -> any LocalSource]
  ) {
    self.faults = faults
    self.down = down
    generator = SeededGenerator(seed: faults.seed)
    let site = known ?? SiteFacts(topology)
    for definition in topology.monitors where !down.contains(definition.name) {
      guard var configuration = NodeConfiguration(site: site, monitor: definition.name)
      else { continue }
      // Faults heal; a lease that ran out before would change what a parent could know.
      if down.isEmpty { configuration.leaseMilliseconds = Self.runLimit }
      // How fast a source is read is no matter of the simulated clock.
      configuration.stallMilliseconds = Self.runLimit
      if let checkpointReports {
        configuration.checkpointReports = checkpointReports
        configuration.checkpointBytesPerReport = .max
      }
      let isLocal = definition.tier == .local
      monitors[definition.name] = SimulatedMonitor(
        configuration: configuration,
        makeSource: isLocal ? sources[definition.name] ?? { SilentSource() } : nil)
    }
  }

  /// Runs until every monitor has processed everything.
  public func run() throws {
    busy = Set(monitors.keys)
    for name in monitors.keys.sorted() { try start(name) }
    for crash in faults.crashes {
      schedule(
        .crash(crash.monitor, length: crash.length, afterCommit: crash.isAfterCommit),
        at: .milliseconds(crash.start))
    }
    for cut in faults.partitions { schedule(.cut(cut.monitor), at: .milliseconds(cut.start)) }
    while let next = agenda.popMin() {
      now = max(now, next.time)
      guard now <= .milliseconds(Self.runLimit) else { throw SimulationFault.unfinished(pending) }
      try happen(next.happening)
      if isFinished { return }
    }
    if !isFinished { throw SimulationFault.unfinished(pending) }
  }

  /// Own reports of a monitor, as its store holds them.
  public func produced(by monitor: MonitorName) -> [ProducedReport] {
    monitors[monitor]?.store.produced(lane: .live) ?? []
  }

  /// Reports that a monitor's store holds of its children.
  public func received(by monitor: MonitorName) -> [(child: MonitorName, report: Report)] {
    (monitors[monitor]?.store.received(lane: .live) ?? []).map { ($0.child, $0.report) }
  }

  public func status(of monitor: MonitorName) -> MonitorStatus? { monitors[monitor]?.node?.status }

  // MARK: The agenda

  func schedule(_ happening: Happening, at time: HostTime) {
    order += 1
    agenda.insert(Scheduled(time: max(time, now), order: order, happening: happening))
  }

  func schedule(_ happening: Happening, afterMilliseconds delay: UInt64) {
    schedule(happening, at: now.adding(milliseconds: delay))
  }

  private var isFinished: Bool {
    guard faults.horizon == 0 || now >= .milliseconds(faults.horizon) else { return false }
    return busy.isEmpty
  }

  /// Everything is said, and whoever can still hear it has it.
  private func isThrough(_ monitor: SimulatedMonitor?) -> Bool {
    guard let monitor, let node = monitor.node else { return false }
    let listeners = monitor.configuration.parents + monitor.configuration.peersTold.keys
    return node.isThrough(unheard: listeners.contains { down.contains($0) })
  }

  /// Notes whether a monitor that something happened to has more to do.
  private func review(_ name: MonitorName) {
    if isThrough(monitors[name]) { busy.remove(name) } else { busy.insert(name) }
  }

  private var pending: [MonitorName] { busy.sorted() }

  private func happen(_ happening: Happening) throws {
    switch happening {
    case .produce(let name):
      try monitors[name]?.produce(now)
      pieces += 1
      onPiece?(pieces)
      if monitors[name]?.isSourceDone == false, monitors[name]?.node != nil {
        schedule(happening, afterMilliseconds: Self.pieceInterval)
      }
      obey(name)
    case .tick(let name):
      guard monitors[name]?.node != nil else { return }
      monitors[name]?.node?.tick(now)
      obey(name)
      scheduleTick(name)
    case .crash(let name, let length, let afterCommit): crash(name, length, afterCommit)
    case .restart(let name): try start(name)
    case .cut(let name): cut(name)
    default: transport(happening)
    }
  }

  // MARK: Life and death

  private func start(_ name: MonitorName) throws {
    try monitors[name]?.start(now)
    obey(name)
    scheduleTick(name)
    guard monitors[name]?.source != nil else { return }
    schedule(.produce(name), afterMilliseconds: down.isEmpty ? 0 : Self.settlingTime)
  }

  private func scheduleTick(_ name: MonitorName) {
    guard let due = monitors[name]?.node?.nextTick else { return }
    let latest = now.adding(milliseconds: 1000)
    schedule(.tick(name), at: max(now.adding(milliseconds: 1), min(due, latest)))
  }

  private func crash(_ name: MonitorName, _ length: UInt64, _ afterCommit: Bool) {
    guard monitors[name]?.node != nil else { return }
    if afterCommit {
      monitors[name]?.crashesAfterCommit = true
      schedule(.crash(name, length: length, afterCommit: false), afterMilliseconds: 50)
    } else {
      die(name)
      schedule(.restart(name), afterMilliseconds: length)
    }
  }

  private func die(_ name: MonitorName) {
    monitors[name]?.node = nil
    busy.insert(name)
    monitors[name]?.crashesAfterCommit = false
    breakConnections(of: name, reason: "'\(name)' crashed")
  }

  // MARK: Directives

  /// Obeys what a node wants: first its stores, as one commit, then the rest in order.
  func obey(_ name: MonitorName) {
    while let directives = monitors[name]?.node?.takeDirectives(), !directives.isEmpty {
      for directive in directives where directive.changesStore { commit(directive, name) }
      if monitors[name]?.crashesAfterCommit == true, directives.contains(where: \.changesStore) {
        // The process is gone between its commit and its messages; `crash` restarts it.
        monitors[name]?.crashesAfterCommit = false
        monitors[name]?.node = nil
        busy.insert(name)
        breakConnections(of: name, reason: "'\(name)' crashed")
        schedule(.restart(name), afterMilliseconds: 60)
        return
      }
      for directive in directives where !directive.changesStore { carryOut(directive, name) }
    }
    review(name)
  }

  private func commit(_ directive: NodeDirective, _ name: MonitorName) {
    switch directive {
    case .storeProduced(let reports, let lane):
      monitors[name]?.store.appendProduced(reports, lane: lane)
    case .storeReceived(
      let reports, let child, let lane, let through, let watermark, let reached):
      monitors[name]?.store.appendReceived(
        reports, from: child, lane: lane, through: through, watermark: watermark,
        reached: reached)
    case .storeCheckpoint(let lane, let bytes):
      monitors[name]?.store.saveCheckpoint(bytes, lane: lane)
    case .storeAcknowledged(let lane, let through):
      monitors[name]?.store.acknowledge(lane: lane, through: through)
    case .release(let lane): monitors[name]?.store.release(lane: lane)
    default: break
    }
  }

  private func carryOut(_ directive: NodeDirective, _ name: MonitorName) {
    switch directive {
    case .load(let lane, let after, let limit, let peer):
      let entries =
        monitors[name]?.store.unacknowledged(lane: lane, after: after, limit: limit) ?? []
      monitors[name]?.node?.loaded(entries, lane: lane, peer: peer, now)
    case .dial(let parent): dial(from: name, to: parent)
    case .sendUp(let message, let parent):
      if let id = monitors[name]?.uplinks[parent] { send(message, on: id, toParent: true) }
    case .closeUp(let parent, let reason):
      if let id = monitors[name]?.uplinks[parent] { close(id, reason: reason) }
    case .sendDown(let message, let id): send(message, on: id, toParent: false)
    case .closeDown(let id, let reason): close(id, reason: reason)
    default: break
    }
  }
}

/// A simulated tree that did not come to its end.
public enum SimulationFault: Error, Hashable, Sendable {
  /// These monitors still had something to do when the run limit was reached.
  case unfinished([MonitorName])
}
