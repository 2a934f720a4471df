import Terms

/// A report kind's name, `family.name`, as the schema declares it.
///
/// A process keeps one copy of each name (`KindTable`), and kinds point there: to copy, compare and
/// look one up is done for each report many times, and costs no more than with a number.
public struct ReportKind: @unchecked Sendable {
  /// What is known of one name; never changed, never freed.
  @usableFromInline struct Entry {
    @usableFromInline let text: String
    @usableFromInline let family: String
    @usableFromInline let families: FamilySet
    /// FNV-1a of the text.
    @usableFromInline let mark: UInt64
  }

  @usableFromInline let entry: UnsafePointer<Entry>

  init(_ entry: UnsafePointer<Entry>) { self.entry = entry }

  /// The kind of this name. A process tells `KindTable.limit` names apart; what hostile children make
  /// up beyond is `unknown`, which no schema declares.
  public init(_ text: String) { self = KindTable.kind(text, isBuiltIn: false) }

  private init(builtIn text: String) { self = KindTable.kind(text, isBuiltIn: true) }

  @inlinable public var text: String { entry.pointee.text }
  /// The part before the first dot.
  @inlinable public var family: String { entry.pointee.family }
  /// The family, as a set of one.
  @inlinable public var families: FamilySet { entry.pointee.families }

  /// Whether a text can fit any kind: `family.name`, `family.*` or `*`.
  public static func isPattern(_ text: String) -> Bool {
    text.wholeMatch(of: /\*|[a-z0-9-]+\.([a-z0-9-]+|\*)/) != nil
  }

  /// Whether the kind fits `pattern`: a whole kind, `family.*` or `*`.
  public func matches(_ pattern: String) -> Bool {
    if pattern == "*" { return true }
    guard pattern.hasSuffix(".*") else { return pattern == text }
    return text.hasPrefix(pattern.dropLast())
  }
}

extension ReportKind: Hashable {
  @inlinable public static func == (left: ReportKind, right: ReportKind) -> Bool {
    left.entry == right.entry
  }

  @inlinable public func hash(into hasher: inout Hasher) { hasher.combine(entry.pointee.mark) }

  @inlinable public func _rawHashValue(seed: Int) -> Int {
    TableHash.of(entry.pointee.mark, 0, seed: seed)
  }
}

extension ReportKind: Comparable, CustomStringConvertible {
  public var description: String { text }

  public static func < (left: ReportKind, right: ReportKind) -> Bool {
    left != right && left.text < right.text
  }
}

extension ReportKind: Codable {
  public init(from decoder: any Decoder) throws {
    self.init(try decoder.singleValueContainer().decode(String.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}

extension ReportKind {
  /// What is beyond `KindTable.limit`.
  public static let unknown = ReportKind(builtIn: "unknown")
  public static let pingSweep = ReportKind(builtIn: "recon.ping-sweep")
  public static let portScan = ReportKind(builtIn: "recon.port-scan")
  public static let slowScan = ReportKind(builtIn: "recon.slow-scan")
  public static let distributedScan = ReportKind(builtIn: "recon.distributed-scan")
  public static let serviceProbe = ReportKind(builtIn: "recon.service-probe")
  public static let webScan = ReportKind(builtIn: "recon.web-scan")
  public static let osFingerprint = ReportKind(builtIn: "recon.os-fingerprint")
  public static let arpSpoof = ReportKind(builtIn: "spoof.arp")
  public static let synFlood = ReportKind(builtIn: "dos.syn-flood")
  public static let udpFlood = ReportKind(builtIn: "dos.udp-flood")
  public static let icmpFlood = ReportKind(builtIn: "dos.icmp-flood")
  public static let smurf = ReportKind(builtIn: "dos.smurf")
  public static let fraggle = ReportKind(builtIn: "dos.fraggle")
  public static let land = ReportKind(builtIn: "dos.land")
  public static let teardrop = ReportKind(builtIn: "dos.teardrop")
  public static let pingOfDeath = ReportKind(builtIn: "dos.ping-of-death")
  public static let amplification = ReportKind(builtIn: "dos.amplification")
  public static let httpFlood = ReportKind(builtIn: "dos.http-flood")
  public static let slowHTTP = ReportKind(builtIn: "dos.slow-http")
  public static let macFlood = ReportKind(builtIn: "spoof.mac-flood")
  public static let macSpoof = ReportKind(builtIn: "spoof.mac")
  public static let ipSpoof = ReportKind(builtIn: "spoof.ip")
  public static let bulkTransfer = ReportKind(builtIn: "exfil.bulk-transfer")
  public static let icmpTunnel = ReportKind(builtIn: "exfil.icmp-tunnel")
  public static let beacon = ReportKind(builtIn: "c2.beacon")
  public static let contentPrevalence = ReportKind(builtIn: "worm.content-prevalence")
  public static let lateralMovement = ReportKind(builtIn: "lateral.movement")
  public static let distributedFlood = ReportKind(builtIn: "dos.distributed")
  public static let bruteForce = ReportKind(builtIn: "access.brute-force")
  public static let loginAfterGuessing = ReportKind(builtIn: "access.login-after-guessing")
  public static let passwordSpray = ReportKind(builtIn: "access.password-spray")
  public static let webAttack = ReportKind(builtIn: "access.web-attack")
  public static let overflow = ReportKind(builtIn: "access.overflow")
  public static let signature = ReportKind(builtIn: "access.signature")
  public static let wormPropagation = ReportKind(builtIn: "worm.propagation")
  public static let wormOutbreak = ReportKind(builtIn: "worm.outbreak")
  public static let profileAnomaly = ReportKind(builtIn: "anomaly.profile")
  public static let serviceDown = ReportKind(builtIn: "anomaly.service-down")
  public static let monitorSilent = ReportKind(builtIn: "health.monitor-silent")
  public static let captureLoss = ReportKind(builtIn: "health.capture-loss")
  public static let overload = ReportKind(builtIn: "health.overload")
  public static let clockSkew = ReportKind(builtIn: "health.clock-skew")
  public static let forgedReports = ReportKind(builtIn: "health.forged-reports")
  public static let multiStage = ReportKind(builtIn: "campaign.multi-stage")
  /// Evidence: per-source first contacts of an epoch (`Summary.contacts`).
  public static let firstContacts = ReportKind(builtIn: "evidence.first-contacts")
  /// Evidence: per-target ingress rates of an epoch (`Summary.rates`).
  public static let ingressRates = ReportKind(builtIn: "evidence.ingress-rates")
  /// Evidence: who got in where (`Summary.logins`), and who has which address (`Summary.leases`).
  public static let logins = ReportKind(builtIn: "evidence.logins")
  public static let leases = ReportKind(builtIn: "evidence.leases")
}
