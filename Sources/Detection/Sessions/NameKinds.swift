import Reports

extension ReportKind {
  static let dnsSpoof = ReportKind("spoof.dns")
  static let dhcpServerSpoof = ReportKind("spoof.dhcp-server")
  static let dhcpStarvation = ReportKind("dos.dhcp-starvation")
  static let dnsTunnel = ReportKind("exfil.dns-tunnel")
  static let zoneTransfer = ReportKind("recon.dns-zone-transfer")
}
