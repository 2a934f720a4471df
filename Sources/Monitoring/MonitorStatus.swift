import Terms

/// What a monitor says of itself: the answer to `beryl status`.
public struct MonitorStatus: Sendable, Hashable {
  public struct Lane: Sendable, Hashable {
    public var name: LaneName
    /// Event time up to which the lane is processed.
    public var watermark: CaptureTime
    /// Reports received from children, produced here, and sent up and acknowledged.
    public var received: UInt64
    public var produced: UInt64
    public var acknowledged: UInt64
    /// Reports waiting for the parent's acknowledgement.
    public var spooled: UInt64
    /// Encoded bytes of the reports sent up, sent again ones included; an estimate.
    public var sentBytes: UInt64
    /// Reports sent up, sent again ones included; none at a root.
    public var sent: UInt64

    /// Reports produced here that the parent does not get: not subscribed to, not severe enough, or
    /// over the budget. At a root nothing goes up, and all are kept.
    public var kept: UInt64 { produced - min(produced, acknowledged &+ spooled) }

    public init(
      name: LaneName, watermark: CaptureTime, received: UInt64, produced: UInt64,
      acknowledged: UInt64, spooled: UInt64, sentBytes: UInt64 = 0, sent: UInt64 = 0
    ) {
      self.sentBytes = sentBytes
      self.sent = sent
      self.name = name
      self.watermark = watermark
      self.received = received
      self.produced = produced
      self.acknowledged = acknowledged
      self.spooled = spooled
    }
  }

  public struct Child: Sendable, Hashable {
    public var name: MonitorName
    public var isConnected: Bool
    /// False once its lease ran out.
    public var isAlive: Bool
    public var watermark: CaptureTime

    public init(name: MonitorName, isConnected: Bool, isAlive: Bool, watermark: CaptureTime) {
      self.name = name
      self.isConnected = isConnected
      self.isAlive = isAlive
      self.watermark = watermark
    }
  }

  /// One lane's way to a peer.
  public struct Peer: Sendable, Hashable {
    public var name: MonitorName
    public var isLinked: Bool
    public var lane: LaneName
    /// Reports and their encoded bytes (an estimate), sent again ones included.
    public var sent: UInt64
    public var sentBytes: UInt64

    public init(
      name: MonitorName, isLinked: Bool, lane: LaneName, sent: UInt64, sentBytes: UInt64
    ) {
      self.name = name
      self.isLinked = isLinked
      self.lane = lane
      self.sent = sent
      self.sentBytes = sentBytes
    }
  }

  public var monitor: MonitorName
  public var tier: Tier
  /// The parent whose link is up; nil while there is none.
  public var parentInUse: MonitorName?
  public var lanes: [Lane]
  public var children: [Child]
  /// The peers that this monitor reports to, for each lane.
  public var peers: [Peer]
  /// Loss counters by name, such as `capture.kernel-dropped`, `budget.coarsened`, `reports.late`.
  public var losses: [String: UInt64]
  /// Packets and bytes analysed so far (local tier).
  public var packets: UInt64
  public var bytes: UInt64
  /// Host seconds since the process started.
  public var uptime: Double
  public var processID: Int32

  public init(
    monitor: MonitorName, tier: Tier, parentInUse: MonitorName? = nil, lanes: [Lane] = [],
    children: [Child] = [], peers: [Peer] = [], losses: [String: UInt64] = [:],
    packets: UInt64 = 0, bytes: UInt64 = 0, uptime: Double = 0, processID: Int32 = 0
  ) {
    self.monitor = monitor
    self.tier = tier
    self.parentInUse = parentInUse
    self.lanes = lanes
    self.children = children
    self.peers = peers
    self.losses = losses
    self.packets = packets
    self.bytes = bytes
    self.uptime = uptime
    self.processID = processID
  }
}
