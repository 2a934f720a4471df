/// The class of attack that a rule is for (`classtype`), as Suricata's and Snort's
/// classification.config have it.
public struct Classification: Sendable, Hashable {
  public var name: String
  /// In words, e.g. "Web Application Attack".
  public var title: String
  /// 1 (worst) … 4.
  public var priority: UInt8

  /// By name.
  public static let known: [String: Classification] = Dictionary(
    uniqueKeysWithValues: table.map { ($0.name, $0) })

  private static let table: [Classification] = [
    .init("not-suspicious", "Not Suspicious Traffic", 3),
    .init("unknown", "Unknown Traffic", 3),
    .init("bad-unknown", "Potentially Bad Traffic", 2),
    .init("attempted-recon", "Attempted Information Leak", 2),
    .init("successful-recon-limited", "Information Leak", 2),
    .init("successful-recon-largescale", "Large Scale Information Leak", 2),
    .init("attempted-dos", "Attempted Denial of Service", 2),
    .init("successful-dos", "Denial of Service", 2),
    .init("attempted-user", "Attempted User Privilege Gain", 1),
    .init("unsuccessful-user", "Unsuccessful User Privilege Gain", 1),
    .init("successful-user", "Successful User Privilege Gain", 1),
    .init("attempted-admin", "Attempted Administrator Privilege Gain", 1),
    .init("successful-admin", "Successful Administrator Privilege Gain", 1),
    .init("rpc-portmap-decode", "Decode of an RPC Query", 2),
    .init("shellcode-detect", "Executable code was detected", 1),
    .init("string-detect", "A suspicious string was detected", 3),
    .init("suspicious-filename-detect", "A suspicious filename was detected", 2),
    .init("suspicious-login", "An attempted login using a suspicious username", 2),
    .init("system-call-detect", "A system call was detected", 2),
    .init("tcp-connection", "A TCP connection was detected", 4),
    .init("trojan-activity", "A Network Trojan was detected", 1),
    .init("unusual-client-port-connection", "A client was using an unusual port", 2),
    .init("network-scan", "Detection of a Network Scan", 3),
    .init("denial-of-service", "Detection of a Denial of Service Attack", 2),
    .init("non-standard-protocol", "A non-standard protocol or event", 2),
    .init("protocol-command-decode", "Generic Protocol Command Decode", 3),
    .init("web-application-activity", "Access to a potentially vulnerable web application", 2),
    .init("web-application-attack", "Web Application Attack", 1),
    .init("misc-activity", "Misc activity", 3),
    .init("misc-attack", "Misc Attack", 2),
    .init("icmp-event", "Generic ICMP event", 3),
    .init("inappropriate-content", "Inappropriate Content was Detected", 1),
    .init("policy-violation", "Potential Corporate Privacy Violation", 1),
    .init("default-login-attempt", "Attempt to login by a default username and password", 2),
    .init("sdf", "Sensitive Data was Transmitted Across the Network", 2),
    .init("file-format", "Known malicious file or file based exploit", 1),
    .init("malware-cnc", "Known malware command and control traffic", 1),
    .init("client-side-exploit", "Known client side exploit attempt", 1),
    .init("targeted-activity", "Targeted Malicious Activity was Detected", 1),
    .init("exploit-kit", "Exploit Kit Activity Detected", 1),
    .init("external-ip-check", "Device Retrieving External IP Address Detected", 2),
    .init("domain-c2", "Domain Observed Used for C2 Detected", 1),
    .init("pup-activity", "Possibly Unwanted Program Detected", 2),
    .init("credential-theft", "Successful Credential Theft Detected", 1),
    .init("social-engineering", "Possible Social Engineering Attempted", 2),
    .init("coin-mining", "Crypto Currency Mining Activity Detected", 2),
    .init("command-and-control", "Malware Command and Control Activity Detected", 1),
  ]

  private init(_ name: String, _ title: String, _ priority: UInt8) {
    self.name = name
    self.title = title
    self.priority = priority
  }
}
