import Monitoring
import Reports
import Terms

/// The child's end of its links: which parent to talk to, what to send, what to send again.
///
/// A value without clock or socket: every input returns the directives that the caller obeys, in
/// order. A closed or failed connection must always be told through `disconnected`, also after a
/// `close` directive. Reports are appended after they are durable in the store, in order of
/// `emitted` per lane.
public struct UplinkMachine: Sendable {
  public struct Configuration: Sendable {
    /// What the child says of itself.
    public var hello: Hello
    /// By preference, without repeats.
    public var parents: [MonitorName]
    public var timing = UplinkTiming()
    /// What of the outbox goes over these links; nil for all of it.
    public var wants: (@Sendable (Report) -> Bool)?
    var memory = UplinkLane.Memory()

    public init(
      hello: Hello, parents: [MonitorName], wants: (@Sendable (Report) -> Bool)? = nil
    ) {
      self.hello = hello
      self.parents = parents
      self.wants = wants
    }
  }

  public enum Directive: Hashable, Sendable {
    case dial(MonitorName)
    case send(LinkMessage, to: MonitorName)
    case close(MonitorName, reason: String)
    /// Answer with `loaded`: unacknowledged reports with a sequence after `after`, in order, at
    /// most `limit`.
    case load(LaneName, after: UInt64, limit: Int)
    /// A parent has everything through this sequence.
    case acknowledged(LaneName, through: UInt64)
    /// A closed lane has reached the parent to its end; this machine has forgotten it.
    case ended(LaneName)
    case linked(MonitorName)
    /// The link in use is gone.
    case unlinked(MonitorName, reason: String)
    case refused(by: MonitorName, Refusal)
  }

  let configuration: Configuration
  var links: [ParentLink]
  var lanes: [LaneName: UplinkLane] = [:]
  /// Unacknowledged batches on the link in use, oldest first.
  var inFlight: [(lane: LaneName, through: UInt64)] = []
  /// Index of the link in use.
  var active: Int?
  /// Since when there is no link.
  var downSince = HostTime(nanoseconds: 0)
  var heartbeatDue = HostTime(nanoseconds: 0)
  var watermarkDue = HostTime(nanoseconds: 0)
  private var lastLane = LaneName.live
  private var losses: [String: UInt64] = [:]
  private var isBlind = false
  private var oversizedBefore: UInt64 = 0

  /// `outboxes` is what the store holds from an earlier run.
  public init(configuration: Configuration, outboxes: [Resumption.Outbox] = []) {
    self.configuration = configuration
    links = configuration.parents.map { ParentLink(name: $0, timing: configuration.timing) }
    lanes[.live] = newLane(.live)
    for outbox in outboxes {
      lanes[outbox.lane] = UplinkLane(
        name: outbox.lane, acknowledged: outbox.acknowledged, newest: outbox.newest,
        memory: configuration.memory)
    }
  }

  /// The parent whose link is up.
  public var parentInUse: MonitorName? { active.map { links[$0].name } }
  /// Reports without acknowledgement, per lane.
  public var spoolDepths: [LaneName: UInt64] { lanes.mapValues(\.depth) }
  /// Reports sent over the link in use or an earlier one, sent again ones included.
  public func sent(_ lane: LaneName) -> UInt64 { lanes[lane]?.sent ?? 0 }
  /// The newest acknowledged sequence of a lane.
  public func acknowledged(_ lane: LaneName) -> UInt64 { lanes[lane]?.acknowledged ?? 0 }
  /// Reports that were too long to travel.
  public var oversized: UInt64 { lanes.values.reduce(oversizedBefore) { $0 &+ $1.oversized } }

  // MARK: Inputs

  public mutating func start(_ now: HostTime) -> [Directive] {
    downSince = now
    for index in links.indices { links[index].dialAfter = now }
    return tick(now)
  }

  /// The transport has a connection with `parent`, whose certificate it checked.
  public mutating func connected(_ parent: MonitorName, _ now: HostTime) -> [Directive] {
    guard let index = index(of: parent), links[index].phase == .dialling else { return [] }
    links[index].enter(.greeting, now)
    return [.send(.hello(configuration.hello), to: parent)]
  }

  public mutating func disconnected(
    _ parent: MonitorName, reason: String, _ now: HostTime
  ) -> [Directive] {
    guard let index = index(of: parent), links[index].phase != .idle else { return [] }
    var output: [Directive] = []
    if active == index { output.append(dropActive(reason: reason, now)) }
    links[index].wait(now)
    return output + tick(now)
  }

  public mutating func received(
    _ message: LinkMessage, from parent: MonitorName, _ now: HostTime
  ) -> [Directive] {
    guard let index = index(of: parent) else { return [] }
    links[index].lastHeard = now
    switch (message, links[index].phase) {
    case (_, .idle), (_, .closing), (_, .dialling): return []
    case (.welcome(let welcome), .greeting): return welcomed(welcome, index, now)
    case (.refusal(let refusal), _): return refused(refusal, index, now)
    case (.acknowledgement(let lane, let through), .active):
      return acknowledged(lane, through, index, now)
    case (.heartbeat, .active): return []
    case (.goodbye(let reason), _): return close(index, reason: "the parent left: \(reason)", now)
    default: return close(index, reason: "the parent sent what only a child may send", now)
    }
  }

  /// Reports that the store holds since just now.
  public mutating func append(
    _ entries: [SequencedReport], lane: LaneName, _ now: HostTime
  ) -> [Directive] {
    open(lane)
    lanes[lane]?.append(entries)
    return pump(now)
  }

  /// No later report of the lane is emitted at or before `watermark`. Never moves back.
  public mutating func setWatermark(
    _ watermark: CaptureTime, lane: LaneName, _ now: HostTime
  ) -> [Directive] {
    open(lane)
    if let before = lanes[lane]?.watermark { lanes[lane]?.watermark = max(before, watermark) }
    return pump(now)
  }

  /// Nothing more will be appended: once the parent has it all, `ended` follows.
  public mutating func closeLane(_ lane: LaneName, _ now: HostTime) -> [Directive] {
    open(lane)
    lanes[lane]?.isClosed = true
    return setWatermark(.distantFuture, lane: lane, now)
  }

  /// Forgets a lane at once, sent or not.
  public mutating func dropLane(_ lane: LaneName) {
    oversizedBefore &+= lanes[lane]?.oversized ?? 0
    lanes[lane] = lane == .live ? newLane(.live) : nil
  }

  /// The answer to `load`.
  public mutating func loaded(
    _ entries: [SequencedReport], lane: LaneName, _ now: HostTime
  ) -> [Directive] {
    lanes[lane]?.loaded(entries)
    return pump(now)
  }

  /// Loss counters for the next heartbeat.
  public mutating func setLosses(_ losses: [String: UInt64]) { self.losses = losses }

  /// Whether nothing that this monitor would correlate can reach it, for the next heartbeat.
  public mutating func setBlind(_ isBlind: Bool) { self.isBlind = isBlind }

  /// The process ends: says goodbye on every link.
  public mutating func stop(reason: String, _ now: HostTime) -> [Directive] {
    links.indices.flatMap { index -> [Directive] in
      guard links[index].phase != .idle, links[index].phase != .closing else { return [] }
      let goodbye = Directive.send(.goodbye(reason: reason), to: links[index].name)
      return (links[index].phase == .dialling ? [] : [goodbye])
        + close(index, reason: reason, now)
    }
  }

  // MARK: The link in use

  private mutating func welcomed(
    _ welcome: Welcome, _ index: Int, _ now: HostTime
  ) -> [Directive] {
    guard welcome.monitor == links[index].name else {
      return close(index, reason: "'\(welcome.monitor)' answered, not '\(links[index].name)'", now)
    }
    if let active, active < index {
      let leave = "'\(links[active].name)' is in use"
      return [.send(.goodbye(reason: leave), to: links[index].name)]
        + close(index, reason: leave, now)
    }
    var output: [Directive] = []
    if let active {
      let leave = "'\(links[index].name)' is preferred and back"
      output.append(.send(.goodbye(reason: leave), to: links[active].name))
      output += close(active, reason: leave, now)
    }
    active = index
    links[index].establish(now)
    for better in links.indices where better < index && links[better].phase == .idle {
      links[better].dialAfter = now.adding(milliseconds: configuration.timing.probeInterval)
    }
    output.append(.linked(links[index].name))
    for lane in lanes.keys.sorted() {
      guard lanes[lane]?.restart(position: welcome.positions[lane] ?? 0) == true else { continue }
      output.append(.acknowledged(lane, through: lanes[lane]?.acknowledged ?? 0))
    }
    heartbeatDue = now
    return output + tick(now)
  }

  private mutating func refused(
    _ refusal: Refusal, _ index: Int, _ now: HostTime
  ) -> [Directive] {
    links[index].refuse()
    return [.refused(by: links[index].name, refusal)] + close(index, reason: "\(refusal)", now)
  }

  private mutating func acknowledged(
    _ lane: LaneName, _ through: UInt64, _ index: Int, _ now: HostTime
  ) -> [Directive] {
    guard active == index else { return [] }
    for batch in inFlight where batch.lane == lane && batch.through <= through {
      lanes[lane]?.inFlight -= 1
    }
    inFlight.removeAll { $0.lane == lane && $0.through <= through }
    guard let newest = lanes[lane]?.newest else { return pump(now) }
    guard through <= newest else {
      return close(index, reason: "lane \(lane): acknowledged \(through), never sent", now)
    }
    var output: [Directive] = []
    if lanes[lane]?.acknowledge(through: through) == true {
      output.append(.acknowledged(lane, through: through))
    }
    if let state = lanes[lane], state.isEndSent, state.inFlight == 0 {
      dropLane(lane)
      output.append(.ended(lane))
    }
    return output + pump(now)
  }

  mutating func dropActive(reason: String, _ now: HostTime) -> Directive {
    let name = parentInUse
    active = nil
    inFlight = []
    downSince = now
    for index in links.indices where links[index].phase == .idle && !links[index].isRefused {
      links[index].dialAfter = now
    }
    return .unlinked(name ?? links[0].name, reason: reason)
  }

  // MARK: Sending

  /// Sends what the window allows.
  mutating func pump(_ now: HostTime) -> [Directive] {
    var output: [Directive] = []
    if let active {
      let parent = links[active].name
      while inFlight.count < LinkLimit.window, let batch = nextBatch() {
        inFlight.append((batch.lane, batch.through))
        output.append(.send(.batch(batch), to: parent))
      }
      if now >= watermarkDue, let message = freshWatermarks() {
        watermarkDue = now.adding(milliseconds: configuration.timing.watermarkInterval)
        output.append(.send(message, to: parent))
      }
      for lane in lanes.keys.sorted() {
        guard let request = lanes[lane]?.loadRequest() else { continue }
        output.append(.load(lane, after: request.after, limit: request.limit))
      }
    }
    return output
  }

  /// Lanes take turns, so that no drill holds up live traffic.
  private mutating func nextBatch() -> Batch? {
    let names = lanes.keys.sorted()
    let start = names.firstIndex { $0 > lastLane } ?? 0
    for name in names[start...] + names[..<start] {
      guard
        let batch = lanes[name]?.nextBatch(wants: configuration.wants) ?? lanes[name]?.endBatch()
      else { continue }
      lastLane = name
      return batch
    }
    return nil
  }

  /// A heartbeat with the lanes whose promise has grown; nil when none has.
  private mutating func freshWatermarks() -> LinkMessage? {
    var watermarks: [LaneName: CaptureTime] = [:]
    for (name, lane) in lanes where lane.promise > lane.toldWatermark && !lane.isClosed {
      watermarks[name] = lane.promise
      lanes[name]?.toldWatermark = lane.promise
    }
    return watermarks.isEmpty ? nil : told(watermarks)
  }

  /// Whether a promise waits for `watermarkDue`.
  var hasFreshWatermark: Bool {
    active != nil && lanes.values.contains { $0.promise > $0.toldWatermark && !$0.isClosed }
  }

  mutating func heartbeat() -> LinkMessage {
    var watermarks: [LaneName: CaptureTime] = [:]
    for (name, lane) in lanes where !lane.isClosed && lane.promise > .distantPast {
      watermarks[name] = lane.promise
      lanes[name]?.toldWatermark = lane.promise
    }
    return told(watermarks)
  }

  private func told(_ watermarks: [LaneName: CaptureTime]) -> LinkMessage {
    var losses = losses
    if oversized > 0 { losses["link.oversized"] = oversized }
    return .heartbeat(Heartbeat(watermarks: watermarks, losses: losses, isBlind: isBlind))
  }

  private mutating func open(_ lane: LaneName) {
    if lanes[lane] == nil { lanes[lane] = newLane(lane) }
  }

  private func newLane(_ name: LaneName) -> UplinkLane {
    UplinkLane(name: name, memory: configuration.memory)
  }

  private func index(of parent: MonitorName) -> Int? { links.firstIndex { $0.name == parent } }
}
