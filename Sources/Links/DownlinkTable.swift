import Monitoring
import Reports
import Terms

/// Names one connection of this process; never used again.
public struct ConnectionID: Hashable, Sendable, Comparable, CustomStringConvertible {
  public let number: UInt64

  public init(_ number: UInt64) { self.number = number }

  public var description: String { "connection \(number)" }

  public static func < (left: ConnectionID, right: ConnectionID) -> Bool {
    left.number < right.number
  }
}

/// All accepted connections of a monitor; at most one link per child, the newest.
public struct DownlinkTable: Sendable {
  /// Connections held at most; further ones are refused as busy.
  public static let connectionLimit = 1024

  /// What to do on which connection. Obey in order.
  public struct Directive: Hashable, Sendable {
    public var connection: ConnectionID
    public var action: DownlinkMachine.Directive

    public init(_ connection: ConnectionID, _ action: DownlinkMachine.Directive) {
      self.connection = connection
      self.action = action
    }
  }

  private let configuration: DownlinkMachine.Configuration
  private var machines: [ConnectionID: DownlinkMachine] = [:]
  private var links: [MonitorName: ConnectionID] = [:]

  public init(configuration: DownlinkMachine.Configuration) {
    self.configuration = configuration
  }

  /// The linked children.
  public var children: Set<MonitorName> { Set(links.keys) }
  public var connectionCount: Int { machines.count }

  public mutating func opened(
    _ id: ConnectionID, _ identity: PeerIdentity, _ now: HostTime
  ) -> [Directive] {
    var machine = DownlinkMachine(identity: identity, configuration: configuration, now)
    guard machines.count < Self.connectionLimit else {
      let limit = Self.connectionLimit
      return machine.refuse(.init(.busy, "'\(configuration.monitor)' has \(limit) connections"))
        .map { Directive(id, $0) }
    }
    machines[id] = machine
    return []
  }

  public mutating func received(
    _ id: ConnectionID, _ message: LinkMessage, _ now: HostTime
  ) -> [Directive] {
    with(id) { $0.received(message, now) }
  }

  public mutating func malformed(_ id: ConnectionID, _ fault: WireFault) -> [Directive] {
    with(id) { $0.malformed(fault) }
  }

  public mutating func closed(_ id: ConnectionID, reason: String) -> [Directive] {
    defer { machines[id] = nil }
    return with(id) { $0.disconnected(reason: reason) }
  }

  /// Answers `admit`. An older link of the same child is cut.
  public mutating func admit(
    _ id: ConnectionID, positions: [LaneName: UInt64], _ now: HostTime
  ) -> [Directive] {
    guard case .monitor(let child) = machines[id]?.identity else { return [] }
    var output: [Directive] = []
    if let older = links[child], older != id {
      output = with(older) {
        $0.refuse(.init(.superseded, "'\(child)' opened a newer link"))
      }
    }
    return output + with(id) { $0.admit(positions: positions, now) }
  }

  /// Refuses a connection whose hello asked to be admitted.
  public mutating func refuse(_ id: ConnectionID, _ refusal: Refusal) -> [Directive] {
    with(id) { $0.refuse(refusal) }
  }

  /// Answers `store`: durable through this sequence.
  public mutating func stored(
    _ id: ConnectionID, _ lane: LaneName, through: UInt64
  ) -> [Directive] {
    with(id) { $0.stored(lane, through: through) }
  }

  public mutating func tick(_ now: HostTime) -> [Directive] {
    machines.keys.sorted().flatMap { id in with(id) { $0.tick(now) } }
  }

  /// The process ends: says goodbye to everyone.
  public mutating func stop(reason: String) -> [Directive] {
    let ids = machines.keys.sorted()
    defer {
      machines = [:]
      links = [:]
    }
    return ids.flatMap {
      [Directive($0, .send(.goodbye(reason: reason))), Directive($0, .close(reason: reason))]
    }
  }

  private mutating func with(
    _ id: ConnectionID, _ body: (inout DownlinkMachine) -> [DownlinkMachine.Directive]
  ) -> [Directive] {
    guard var machine = machines.removeValue(forKey: id) else { return [] }
    let output = body(&machine)
    machines[id] = machine
    for action in output {
      switch action {
      case .linked(let child): links[child] = id
      case .left(let child, _): links[child] = links[child] == id ? nil : links[child]
      default: break
      }
    }
    return output.map { Directive(id, $0) }
  }
}
