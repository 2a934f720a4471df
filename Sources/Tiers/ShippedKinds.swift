import Hierarchy
import Reports

/// The kinds of the schema that Beryl comes with (`topology/schema.yaml`), for `beryl-local --read`,
/// which has no topology: `ShippedKindTests` holds this list against the file.
enum ShippedKinds {
  /// ATT&CK techniques by kind; those of the release that the schema names.
  static let all: [String: [String]] = [
    "evidence.first-contacts": [],
    "evidence.ingress-rates": [],
    "evidence.logins": [],
    "evidence.leases": [],
    "recon.ping-sweep": ["T1018", "T1595.001"],
    "recon.port-scan": ["T1046", "T1595.001"],
    "recon.slow-scan": ["T1046", "T1595.001"],
    "recon.distributed-scan": ["T1046", "T1595.001"],
    "recon.service-probe": ["T1046", "T1595.002"],
    "recon.os-fingerprint": ["T1046", "T1592.002"],
    "recon.dns-zone-transfer": ["T1590.002"],
    "recon.smtp-enumeration": ["T1589.002"],
    "recon.web-scan": ["T1595.003"],
    "spoof.arp": ["T1557.002"],
    "spoof.mac-flood": ["T1040"],
    "spoof.mac": ["T1557"],
    "spoof.dhcp-server": ["T1557.003"],
    "spoof.dns": ["T1557"],
    "spoof.ip": [],
    "dos.syn-flood": ["T1499.001"],
    "dos.udp-flood": ["T1498.001"],
    "dos.icmp-flood": ["T1498.001"],
    "dos.smurf": ["T1498.002"],
    "dos.fraggle": ["T1498.002"],
    "dos.land": ["T1499.004"],
    "dos.teardrop": ["T1499.004"],
    "dos.ping-of-death": ["T1499.004"],
    "dos.amplification": ["T1498.002"],
    "dos.http-flood": ["T1499.002"],
    "dos.slow-http": ["T1499.001"],
    "dos.dhcp-starvation": ["T1499"],
    "dos.distributed": ["T1498.001", "T1499.002"],
    "access.brute-force": ["T1110.001"],
    "access.password-spray": ["T1110.003"],
    "access.web-attack": ["T1190"],
    "access.overflow": ["T1190", "T1210"],
    "access.smtp-attack": ["T1190"],
    "access.reverse-shell": ["T1059.004", "T1571"],
    "access.evasion": [],
    "access.login-after-guessing": ["T1110.001", "T1078"],
    "access.signature": [],
    "worm.propagation": ["T1210", "T1046"],
    "worm.outbreak": ["T1210", "T1570"],
    "worm.content-prevalence": ["T1210"],
    "exfil.bulk-transfer": ["T1048"],
    "exfil.dns-tunnel": ["T1071.004", "T1048.003"],
    "exfil.icmp-tunnel": ["T1095", "T1048.003"],
    "c2.beacon": ["T1071"],
    "lateral.movement": ["T1021"],
    "campaign.multi-stage": [],
    "exposure.cleartext-credentials": ["T1040", "T1552"],
    "exposure.file-share": ["T1135"],
    "exposure.weak-service": ["T1190"],
    "anomaly.profile": [],
    "anomaly.service-down": ["T1499"],
    "health.monitor-silent": [],
    "health.capture-loss": [],
    "health.clock-skew": [],
    "health.overload": [],
    "health.forged-reports": [],
  ]

  static func techniques(_ kind: ReportKind) -> [String] { all[kind.text] ?? [] }

  /// Why `pattern` shows nothing whatever a capture holds; nil where a kind fits it.
  static func refusal(of pattern: String) -> String? {
    guard ReportKind.isPattern(pattern) else {
      return "a kind (recon.port-scan), family.* or * is needed"
    }
    let kinds = all.keys.map { ReportKind($0) }
    guard !kinds.contains(where: { $0.matches(pattern) }) else { return nil }
    let meant = NearestName.of(pattern: pattern, among: kinds)
    return "no report kind fits" + (meant.map { "; did you mean '\($0)'?" } ?? "")
  }
}
