import Terms

/// What the topology says of one monitor.
public struct MonitorDefinition: Sendable, Hashable {
  public let name: MonitorName
  public let tier: Tier
  /// The segment it watches; set for local monitors, nil for all others.
  public let segment: String?
  /// Where it reports to, the preferred one first.
  public let parents: [MonitorName]
  /// The monitors of its tier with which it exchanges evidence, as written here (see
  /// `Topology.peers`).
  public let peers: [MonitorName]
  /// Where children connect and `beryl status` and drills ask; nil for a local monitor without
  /// control.
  public internal(set) var listen: ListenAddress?
  /// Where its web console answers; nil for none.
  public let console: ListenAddress?
  /// How it taps its segment; nil for a monitor that only ever replays.
  public let capture: CaptureSettings?
  /// Engine limits set for this monitor alone, by limit name; durations in seconds.
  public let limits: [String: Double]
  /// Signature rule files of a local monitor, relative to the topology file.
  public let rules: [String]

  public init(
    name: MonitorName, tier: Tier, segment: String? = nil, parents: [MonitorName] = [],
    peers: [MonitorName] = [], listen: ListenAddress? = nil, console: ListenAddress? = nil,
    capture: CaptureSettings? = nil, limits: [String: Double] = [:],
    rules: [String] = []
  ) {
    self.name = name
    self.tier = tier
    self.segment = segment
    self.parents = parents
    self.peers = peers
    self.listen = listen
    self.console = console
    self.capture = capture
    self.limits = limits
    self.rules = rules
  }
}

/// How a local monitor taps an interface.
public struct CaptureSettings: Sendable, Hashable {
  public let interface: String
  /// A pcap filter expression (pcap-filter(7)); nil takes everything.
  public let filter: String?
  /// Bytes kept of each packet.
  public let snapLength: Int
  /// Whether frames for other stations are taken too.
  public let promiscuous: Bool
  /// Bytes of the kernel's ring between the interface and the monitor.
  public let bufferBytes: Int

  /// Whole packets, as tcpdump has it.
  public static let standardSnapLength = 262_144
  /// 32 MiB: about 30 ms of 10 Gbit/s, or 3 s of 100 Mbit/s.
  public static let standardBufferBytes = 32 << 20
  /// From the longest header stack worth decoding to libpcap's MAXIMUM_SNAPLEN.
  public static let snapLengths = 96...262_144
  /// 64 KiB to 1 GiB.
  public static let buffers = (64 << 10)...(1 << 30)

  public init(
    interface: String, filter: String? = nil, snapLength: Int = standardSnapLength,
    promiscuous: Bool = true, bufferBytes: Int = standardBufferBytes
  ) {
    self.interface = interface
    self.filter = filter
    self.snapLength = snapLength
    self.promiscuous = promiscuous
    self.bufferBytes = bufferBytes
  }
}
