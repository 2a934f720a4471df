import Terms

/// The rows of an evidence report: what stays below a local threshold, small and mergeable.
public enum Summary: Hashable, Sendable {
  case contacts([ContactRow])
  case rates([RateRow])
  case logins([LoginRow])
  case leases([LeaseRow])

  /// How many rows there are.
  public var count: Int {
    switch self {
    case .contacts(let rows): rows.count
    case .rates(let rows): rows.count
    case .logins(let rows): rows.count
    case .leases(let rows): rows.count
    }
  }
}

/// The first contacts that one source made to one port in one epoch.
public struct ContactRow: Hashable, Sendable, Codable {
  /// The source, or a prefix when the row was coarsened.
  public var source: IPPrefix
  public var transport: TransportProtocol
  /// Target port; for ICMP, type · 256 + code.
  public var port: UInt16
  /// First contacts (new flows to a target and port not contacted before within the contact
  /// memory).
  public var attempts: UInt64
  /// Attempts refused or unanswered.
  public var failures: UInt64
  /// Targets of the attempts, and of those that failed.
  public var targets: AddressSet
  public var failedTargets: AddressSet
  public var first: CaptureTime
  public var last: CaptureTime
  /// Packet indices of some attempts in the reporting monitor's capture.
  public var packets: [UInt64]

  public init(
    source: IPPrefix, transport: TransportProtocol, port: UInt16, attempts: UInt64,
    failures: UInt64, targets: AddressSet, failedTargets: AddressSet, first: CaptureTime,
    last: CaptureTime, packets: [UInt64] = []
  ) {
    self.source = source
    self.transport = transport
    self.port = port
    self.attempts = attempts
    self.failures = failures
    self.targets = targets
    self.failedTargets = failedTargets
    self.first = first
    self.last = last
    self.packets = packets
  }
}

/// What arrived at one target in one epoch, as one segment saw it.
public struct RateRow: Hashable, Sendable, Codable {
  public var target: IPAddress
  /// The segment that saw it.
  public var segment: String
  public var transport: TransportProtocol
  /// Target port; 0 for protocols without ports.
  public var port: UInt16
  public var packets: UInt64
  /// Bytes on the wire.
  public var bytes: UInt64
  /// New flows, and how many of them were never completed.
  public var contacts: UInt64
  public var unfinished: UInt64
  /// Of those, how many the target refused: it was there, and had nothing to lose.
  public var refused: UInt64
  public var sources: AddressSet
  /// The sources with the most contacts, in order of address; at most `Report.Limit.busiest`. Counts
  /// are never too high.
  public var busiest: [SourceCount]
  /// The epoch this row covers.
  public var first: CaptureTime
  public var last: CaptureTime
  /// Packet indices of some of the packets.
  public var indices: [UInt64]

  public init(
    target: IPAddress, segment: String, transport: TransportProtocol, port: UInt16,
    packets: UInt64, bytes: UInt64, contacts: UInt64, unfinished: UInt64, refused: UInt64 = 0,
    sources: AddressSet, first: CaptureTime, last: CaptureTime, indices: [UInt64] = [],
    busiest: [SourceCount] = []
  ) {
    self.target = target
    self.segment = segment
    self.transport = transport
    self.port = port
    self.packets = packets
    self.bytes = bytes
    self.contacts = contacts
    self.unfinished = unfinished
    self.refused = refused
    self.sources = sources
    self.first = first
    self.last = last
    self.indices = indices
    self.busiest = busiest
  }
}

/// How many contacts one source made, within a row.
public struct SourceCount: Hashable, Sendable, Codable {
  public var source: IPAddress
  public var contacts: UInt64

  public init(source: IPAddress, contacts: UInt64) {
    self.source = source
    self.contacts = contacts
  }

  /// The busiest of two lists, each source with the larger of its counts: two taps may have seen
  /// the same contacts.
  public static func joined(_ left: [SourceCount], _ right: [SourceCount]) -> [SourceCount] {
    var counts: [IPAddress: UInt64] = [:]
    for entry in left + right {
      counts[entry.source] = max(counts[entry.source] ?? 0, entry.contacts)
    }
    return busiest(counts.map { SourceCount(source: $0.key, contacts: $0.value) })
  }

  /// Those with the most contacts, as a row names them.
  public static func busiest(_ list: [SourceCount]) -> [SourceCount] {
    list.sorted {
      ($1.contacts, $0.source) < ($0.contacts, $1.source)
    }.prefix(Report.Limit.busiest).sorted { $0.source < $1.source }
  }
}
