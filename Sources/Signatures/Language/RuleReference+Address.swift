extension RuleReference {
  /// Where to read about it; nil for a system that has no page.
  public var url: String? {
    let identifier = identifier
    switch system {
    case "url":
      return identifier.contains("://") ? identifier : "https://\(identifier)"
    case "cve":
      let isWhole = identifier.lowercased().hasPrefix("cve")
      let number = isWhole ? identifier.dropFirst(4) : identifier[...]
      return "https://www.cve.org/CVERecord?id=CVE-\(number)"
    default:
      return Self.pages[system].map { $0 + identifier }
    }
  }

  private static let pages = [
    "bugtraq": "https://www.securityfocus.com/bid/", "bid": "https://www.securityfocus.com/bid/",
    "nessus": "https://www.tenable.com/plugins/nessus/",
    "md5": "https://www.virustotal.com/gui/file/", "sha1": "https://www.virustotal.com/gui/file/",
    "sha256": "https://www.virustotal.com/gui/file/",
    "exploitdb": "https://www.exploit-db.com/exploits/",
    "et": "https://doc.emergingthreats.net/", "etpro": "https://doc.emergingthreatspro.com/",
    "msft": "https://learn.microsoft.com/security-updates/securitybulletins/",
    "xforce": "https://exchange.xforce.ibmcloud.com/vulnerabilities/",
    "packetstorm": "https://packetstormsecurity.com/files/",
  ]
}
