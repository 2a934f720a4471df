import Terms

/// A report kind's name, `family.name`, as the schema declares it.
public struct ReportKind: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
  public let text: String
  /// FNV-1a of the text: kinds are told apart, and looked up, far more often than they are made.
  private let mark: UInt64

  public init(_ text: String) {
    self.text = text
    mark = text.utf8.fnv1a
  }

  public init(from decoder: any Decoder) throws {
    self.init(try decoder.singleValueContainer().decode(String.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }

  public static func == (left: ReportKind, right: ReportKind) -> Bool {
    left.mark == right.mark && left.text == right.text
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(mark) }

  /// The part before the first dot.
  public var family: Substring {
    text[..<(text.utf8.firstIndex(of: UInt8(ascii: ".")) ?? text.endIndex)]
  }
  public var description: String { text }

  /// Whether the kind fits `pattern`: a whole kind, `family.*` or `*`.
  public func matches(_ pattern: String) -> Bool {
    if pattern == "*" { return true }
    guard pattern.hasSuffix(".*") else { return pattern == text }
    return text.hasPrefix(pattern.dropLast())
  }

  public static func < (left: ReportKind, right: ReportKind) -> Bool { left.text < right.text }
}

extension ReportKind {
  public static let pingSweep = ReportKind("recon.ping-sweep")
  public static let portScan = ReportKind("recon.port-scan")
  public static let slowScan = ReportKind("recon.slow-scan")
  public static let distributedScan = ReportKind("recon.distributed-scan")
  public static let serviceProbe = ReportKind("recon.service-probe")
  public static let webScan = ReportKind("recon.web-scan")
  public static let osFingerprint = ReportKind("recon.os-fingerprint")
  public static let arpSpoof = ReportKind("spoof.arp")
  public static let synFlood = ReportKind("dos.syn-flood")
  public static let udpFlood = ReportKind("dos.udp-flood")
  public static let icmpFlood = ReportKind("dos.icmp-flood")
  public static let smurf = ReportKind("dos.smurf")
  public static let fraggle = ReportKind("dos.fraggle")
  public static let land = ReportKind("dos.land")
  public static let teardrop = ReportKind("dos.teardrop")
  public static let pingOfDeath = ReportKind("dos.ping-of-death")
  public static let amplification = ReportKind("dos.amplification")
  public static let httpFlood = ReportKind("dos.http-flood")
  public static let slowHTTP = ReportKind("dos.slow-http")
  public static let macFlood = ReportKind("spoof.mac-flood")
  public static let macSpoof = ReportKind("spoof.mac")
  public static let ipSpoof = ReportKind("spoof.ip")
  public static let bulkTransfer = ReportKind("exfil.bulk-transfer")
  public static let icmpTunnel = ReportKind("exfil.icmp-tunnel")
  public static let beacon = ReportKind("c2.beacon")
  public static let contentPrevalence = ReportKind("worm.content-prevalence")
  public static let lateralMovement = ReportKind("lateral.movement")
  public static let distributedFlood = ReportKind("dos.distributed")
  public static let bruteForce = ReportKind("access.brute-force")
  public static let loginAfterGuessing = ReportKind("access.login-after-guessing")
  public static let passwordSpray = ReportKind("access.password-spray")
  public static let webAttack = ReportKind("access.web-attack")
  public static let overflow = ReportKind("access.overflow")
  public static let signature = ReportKind("access.signature")
  public static let wormPropagation = ReportKind("worm.propagation")
  public static let wormOutbreak = ReportKind("worm.outbreak")
  public static let profileAnomaly = ReportKind("anomaly.profile")
  public static let serviceDown = ReportKind("anomaly.service-down")
  public static let monitorSilent = ReportKind("health.monitor-silent")
  public static let captureLoss = ReportKind("health.capture-loss")
  public static let overload = ReportKind("health.overload")
  public static let clockSkew = ReportKind("health.clock-skew")
  public static let forgedReports = ReportKind("health.forged-reports")
  public static let multiStage = ReportKind("campaign.multi-stage")
  /// Evidence: per-source first contacts of an epoch (`Summary.contacts`).
  public static let firstContacts = ReportKind("evidence.first-contacts")
  /// Evidence: per-target ingress rates of an epoch (`Summary.rates`).
  public static let ingressRates = ReportKind("evidence.ingress-rates")
  /// Evidence: who got in where (`Summary.logins`), and who has which address (`Summary.leases`).
  public static let logins = ReportKind("evidence.logins")
  public static let leases = ReportKind("evidence.leases")
}
