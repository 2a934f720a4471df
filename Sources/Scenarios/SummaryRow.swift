import Reports
import Terms

/// A row of an evidence report: first contacts of a source, or arrivals at a target, in one epoch.
public struct SummaryRow: Codable, Hashable, Sendable {
  /// Of a contact row.
  public var source: String?
  /// Of a rate row.
  public var target: String?
  public var segment: String?
  public var transport: String
  public var port: UInt16
  /// First contacts or new flows, and how many of them failed or stayed unfinished.
  public var contacts: UInt64
  public var failures: UInt64
  /// Addresses on the other side, the first `peerLimit`.
  public var peers: [String]
  public var peerCount: Int
  /// Zero-based packet indices in the reporting monitor's capture.
  public var packets: [UInt64]
  /// In words, what is said of a login or a lease.
  public var text: String?

  /// Peers named per row.
  static let peerLimit = 8

  init(_ row: ContactRow) {
    source = row.source.description
    transport = row.transport.description
    port = row.port
    contacts = row.attempts
    failures = row.failures
    peers = row.targets.listed.prefix(Self.peerLimit).map(\.description)
    peerCount = row.targets.count
    packets = row.packets
  }

  init(_ row: RateRow) {
    target = row.target.description
    segment = row.segment
    transport = row.transport.description
    port = row.port
    contacts = row.contacts
    failures = row.unfinished
    peers = row.sources.listed.prefix(Self.peerLimit).map(\.description)
    peerCount = row.sources.count
    packets = row.indices
  }

  init(_ row: LoginRow) {
    source = row.client.description
    target = row.server.description
    transport = "tcp"
    port = row.serverPort
    contacts = row.count
    failures = row.outcome == .refused ? row.count : 0
    peers = [row.server.description]
    peerCount = 1
    packets = row.packets
    text = row.description
  }

  init(_ row: LeaseRow) {
    source = row.address.description
    transport = "udp"
    port = 67
    contacts = 0
    failures = 0
    peers = [row.server.description]
    peerCount = 1
    packets = row.packets
    text = row.description
  }

  static func rows(_ summary: Summary) -> [SummaryRow] {
    switch summary {
    case .contacts(let rows): rows.map { SummaryRow($0) }
    case .rates(let rows): rows.map { SummaryRow($0) }
    case .logins(let rows): rows.map { SummaryRow($0) }
    case .leases(let rows): rows.map { SummaryRow($0) }
    }
  }

  /// Whether the row speaks of a party that `report` names: its source among the sources, its
  /// target among the targets.
  func concerns(_ report: ReportRow) -> Bool {
    if text != nil {
      // Of logins and leases those of the hosts that somebody went over.
      let hosts = report.sources + report.actorAddresses
      return [source, target].contains { $0.map { Self.names(hosts, $0) } ?? false }
    }
    if let source { return Self.names(report.sources, source) }
    if let target { return Self.names(report.targets, target) }
    return false
  }

  private static func names(_ list: [String], _ text: String) -> Bool {
    guard let prefix = IPPrefix(text) else { return false }
    return list.contains { IPPrefix($0)?.overlaps(prefix) ?? false }
  }
}

extension ReportRow {
  /// The hosts that an actor went over, and his addresses, as the report names them.
  fileprivate var actorAddresses: [String] {
    ["path", "addresses"].flatMap { name -> [String] in
      guard case .text(let text)? = attributes[name] else { return [] }
      return text.split { " >,".contains($0) }.map(String.init)
    }
  }
}
