import Monitoring
import Reports
import Terms

/// The parent's end of one accepted connection: who may say what, and when it is acknowledged.
///
/// A value without clock or socket, like `UplinkMachine`. `DownlinkTable` holds one per connection.
public struct DownlinkMachine: Sendable {
  public struct Configuration: Sendable {
    public var monitor: MonitorName
    /// The monitors that may report here, by the topology.
    public var children: Set<MonitorName>
    /// All monitors of the topology, to tell a stranger from a child of another parent.
    public var monitors: Set<MonitorName>
    public var schema: Schema
    public var schemaDigest: String
    public var kindDigests: [String: String]
    /// Host milliseconds until the hello; and of silence until a child's connection is given up.
    public var helloLimit: UInt64 = 10_000
    public var silenceLimit: UInt64 = 10_000
    /// Host milliseconds between this side's heartbeats.
    public var heartbeatInterval: UInt64 = 1000

    /// - Parameter digests: the schema's and its kinds', for those who have them already.
    public init(
      monitor: MonitorName, children: Set<MonitorName>, monitors: Set<MonitorName>, schema: Schema,
      digests: (schema: String, kinds: [String: String])? = nil
    ) {
      self.monitor = monitor
      self.children = children
      self.monitors = monitors
      self.schema = schema
      schemaDigest = digests?.schema ?? schema.digest
      kindDigests = digests?.kinds ?? schema.kindDigests
    }
  }

  public enum Directive: Hashable, Sendable {
    case send(LinkMessage)
    case close(reason: String)
    /// The hello is in order. Answer with `admit`: the newest durable sequences of this child's
    /// outbox (`Hello.outbox`), after everything of this child still on its way into the store.
    case admit(Hello)
    /// The child is linked.
    case linked(MonitorName)
    /// The child's link is gone.
    case left(MonitorName, reason: String)
    /// Make durable, then answer with `stored`: new entries (may be none), the position, the
    /// watermark.
    case store(
      MonitorName, LaneName, [SequencedReport], through: UInt64, watermark: CaptureTime)
    case heartbeat(MonitorName, Heartbeat)
    /// A report that breaks the schema: not stored, to be logged and counted.
    case rejected(MonitorName, LaneName, sequence: UInt64, RejectedReport)
    case refused(PeerIdentity, Refusal)
    /// An operator's request: answer with one `send`.
    case control(MonitorName, LinkMessage)
  }

  enum Phase: Sendable, Hashable {
    case awaitingHello, admitting
    case linked
    case control
    case closed
  }

  private struct Lane: Sendable {
    /// The newest sequence received.
    var received: UInt64
    var isEnded = false
  }

  public let identity: PeerIdentity
  let configuration: Configuration
  private(set) var phase: Phase
  private var lanes: [LaneName: Lane] = [:]
  /// Batches handed to the store and not confirmed, oldest first.
  private var pending: [(lane: LaneName, through: UInt64)] = []
  private var lastHeard: HostTime
  private var heartbeatDue: HostTime

  public init(identity: PeerIdentity, configuration: Configuration, _ now: HostTime) {
    self.identity = identity
    self.configuration = configuration
    lastHeard = now
    heartbeatDue = now.adding(milliseconds: configuration.heartbeatInterval)
    if case .operator = identity { phase = .control } else { phase = .awaitingHello }
  }

  /// The child, once it is linked.
  public var child: MonitorName? {
    if phase == .linked, case .monitor(let name) = identity { name } else { nil }
  }

  // MARK: Inputs

  public mutating func received(_ message: LinkMessage, _ now: HostTime) -> [Directive] {
    lastHeard = now
    switch (identity, phase, message) {
    case (_, .closed, _): return []
    case (.monitor(let name), .awaitingHello, .hello(let hello)): return greeted(hello, name)
    case (.monitor(let name), .linked, .batch(let batch)): return received(batch, name)
    case (.monitor(let name), .linked, .heartbeat(let heartbeat)):
      guard heartbeat.watermarks.count <= LinkLimit.lanes else {
        return refuse(.init(.malformed, "a heartbeat names more than \(LinkLimit.lanes) lanes"))
      }
      return [.heartbeat(name, heartbeat)]
    case (_, _, .goodbye(let reason)): return close(reason: "the peer left: \(reason)")
    case (_, _, .refusal(let refusal)): return close(reason: "the peer refused: \(refusal)")
    case (.operator(let name), .control, _) where message.isRequest:
      return [.control(name, message)]
    default:
      return refuse(
        .init(.notPermitted, "\(identity) may not send '\(message.name)' here and now"))
    }
  }

  /// The peer's bytes were no message.
  public mutating func malformed(_ fault: WireFault) -> [Directive] {
    phase == .closed ? [] : refuse(.init(.malformed, "\(fault)"))
  }

  /// The answer to `Directive.admit`.
  public mutating func admit(positions: [LaneName: UInt64], _ now: HostTime) -> [Directive] {
    guard phase == .admitting, case .monitor(let name) = identity else { return [] }
    phase = .linked
    lanes = positions.mapValues { Lane(received: $0) }
    heartbeatDue = now.adding(milliseconds: configuration.heartbeatInterval)
    let welcome = Welcome(monitor: configuration.monitor, positions: positions)
    return [.linked(name), .send(.welcome(welcome))]
  }

  /// Everything of the lane through this sequence is durable.
  public mutating func stored(_ lane: LaneName, through: UInt64) -> [Directive] {
    guard phase == .linked else { return [] }
    pending.removeAll { $0.lane == lane && $0.through <= through }
    if lane != .live, lanes[lane]?.isEnded == true, !pending.contains(where: { $0.lane == lane }) {
      lanes[lane] = nil
    }
    return [.send(.acknowledgement(lane, through: through))]
  }

  /// Obeys the clock; call it at least once a second.
  public mutating func tick(_ now: HostTime) -> [Directive] {
    switch phase {
    case .closed, .control, .admitting: return []
    case .awaitingHello:
      guard now >= lastHeard.adding(milliseconds: configuration.helloLimit) else { return [] }
      return close(reason: "no hello within \(configuration.helloLimit) ms")
    case .linked:
      guard now < lastHeard.adding(milliseconds: configuration.silenceLimit) else {
        return close(reason: "silent for \(configuration.silenceLimit) ms")
      }
      guard now >= heartbeatDue else { return [] }
      heartbeatDue = now.adding(milliseconds: configuration.heartbeatInterval)
      return [.send(.heartbeat(Heartbeat()))]
    }
  }

  /// Tells the peer why, and closes.
  public mutating func refuse(_ refusal: Refusal) -> [Directive] {
    guard phase != .closed else { return [] }
    return [.refused(identity, refusal), .send(.refusal(refusal))] + close(reason: "\(refusal)")
  }

  /// The connection is gone, or this process stops.
  public mutating func disconnected(reason: String) -> [Directive] {
    let child = child
    phase = .closed
    return child.map { [.left($0, reason: reason)] } ?? []
  }

  // MARK: Steps

  private mutating func close(reason: String) -> [Directive] {
    disconnected(reason: reason) + [.close(reason: reason)]
  }

  private mutating func greeted(_ hello: Hello, _ name: MonitorName) -> [Directive] {
    let mine = configuration
    guard hello.protocolVersion == LinkLimit.protocolVersion else {
      return refuse(
        .init(
          .wrongVersion,
          "'\(mine.monitor)' speaks protocol \(LinkLimit.protocolVersion), "
            + "'\(name)' speaks \(hello.protocolVersion)"))
    }
    guard hello.monitor == name else {
      return refuse(
        .init(.stranger, "the certificate is of '\(name)', the hello of '\(hello.monitor)'"))
    }
    guard mine.monitors.contains(name) || mine.children.contains(name) else {
      return refuse(
        .init(.stranger, "the topology of '\(mine.monitor)' knows no monitor '\(name)'"))
    }
    guard mine.children.contains(name) else {
      return refuse(
        .init(.wrongParent, "'\(mine.monitor)' is no parent of '\(name)' in the topology"))
    }
    guard hello.schemaDigest == mine.schemaDigest else {
      let difference = Schema.firstDifference(mine: mine.kindDigests, theirs: hello.kindDigests)
      return refuse(
        .init(
          .wrongSchema,
          "'\(mine.monitor)' has schema \(mine.schemaDigest), '\(name)' has \(hello.schemaDigest): "
            + "at '\(mine.monitor)', " + (difference ?? "the ATT&CK release differs")))
    }
    phase = .admitting
    return [.admit(hello)]
  }

  private mutating func received(_ batch: Batch, _ name: MonitorName) -> [Directive] {
    guard pending.count < LinkLimit.window else {
      return refuse(
        .init(
          .windowExceeded,
          "more than \(LinkLimit.window) batches without waiting for acknowledgement"))
    }
    guard let lane = lanes[batch.lane] ?? newLane() else {
      return refuse(.init(.malformed, "more than \(LinkLimit.lanes) lanes"))
    }
    guard isAscending(batch) else {
      return refuse(.init(.malformed, "lane \(batch.lane): the sequences do not ascend"))
    }
    var output: [Directive] = []
    // The usual batch goes on as it is: taking reports out one by one costs a copy of each.
    var entries = batch.entries
    let isFresh = entries.first.map { $0.sequence > lane.received } ?? true
    if !isFresh || entries.contains(where: { rejection($0.report, lane: batch.lane) != nil }) {
      entries.removeAll { $0.sequence <= lane.received }
      for entry in entries {
        guard let fault = rejection(entry.report, lane: batch.lane) else { continue }
        output.append(.rejected(name, batch.lane, sequence: entry.sequence, fault))
      }
      entries.removeAll { rejection($0.report, lane: batch.lane) != nil }
    }
    let through = max(lane.received, batch.through)
    lanes[batch.lane] = Lane(received: through, isEnded: batch.watermark == .distantFuture)
    pending.append((batch.lane, through))
    output.append(
      .store(name, batch.lane, entries, through: through, watermark: batch.watermark))
    return output
  }

  private func newLane() -> Lane? {
    lanes.count < LinkLimit.lanes ? Lane(received: 0) : nil
  }

  private func isAscending(_ batch: Batch) -> Bool {
    var last: UInt64 = 0
    for entry in batch.entries {
      guard entry.sequence > last else { return false }
      last = entry.sequence
    }
    return last <= batch.through
  }

  private func rejection(_ report: Report, lane: LaneName) -> RejectedReport? {
    if case .monitor(let child) = identity, report.monitor != child {
      return .wrongMonitor(report.monitor)
    }
    guard report.exercise == lane.exercise else { return .wrongLane(report.exercise) }
    do throws(SchemaViolation) {
      try configuration.schema.check(report)
      return nil
    } catch {
      return .schema(error)
    }
  }
}

/// Why a parent does not take a report.
public enum RejectedReport: Hashable, Sendable {
  case schema(SchemaViolation)
  /// The report claims to be of another monitor: a child speaks for itself only.
  case wrongMonitor(MonitorName)
  /// The report belongs to another exercise than the lane it came in.
  case wrongLane(String?)
}

extension RejectedReport: CustomStringConvertible {
  public var description: String {
    switch self {
    case .schema(.unknownKind(let kind)): "kind '\(kind)' is not in the schema"
    case .schema(.wrongClass(let kind, let found)): "kind '\(kind)' is no \(found.rawValue)"
    case .schema(.unknownField(let kind, let field)): "kind '\(kind)' has no field '\(field)'"
    case .schema(.wrongType(let kind, let field, let expected, let found)):
      "field '\(field)' of '\(kind)' is a \(found.rawValue), not a \(expected.rawValue)"
    case .schema(.outOfRange(let kind, let field)): "'\(field)' of a '\(kind)' is out of range"
    case .wrongMonitor(let monitor): "the report claims to be of '\(monitor)'"
    case .wrongLane(let exercise): "the report belongs to \(LaneName(exercise: exercise))"
    }
  }
}
