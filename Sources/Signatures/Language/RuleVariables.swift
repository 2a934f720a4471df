public import Terms

/// What `$HOME_NET`, `$HTTP_PORTS` and the like stand for, as the text that a rule could have there.
public struct RuleVariables: Sendable, Equatable {
  /// By name without `$`.
  public var addresses: [String: String]
  public var ports: [String: String]

  /// The names and values of Suricata's own configuration; `$HOME_NET` is `home`, or the private
  /// networks of RFC 1918 if that is empty.
  public init(home: [IPPrefix] = []) {
    addresses = [:]
    for name in Self.groupsAtHome { addresses[name] = "$HOME_NET" }
    addresses["HOME_NET"] =
      home.isEmpty
      ? "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]"
      : "[\(home.map(\.description).joined(separator: ","))]"
    addresses["EXTERNAL_NET"] = "!$HOME_NET"
    addresses["AIM_SERVERS"] = "$EXTERNAL_NET"
    ports = [
      "HTTP_PORTS": "80", "SHELLCODE_PORTS": "!80", "ORACLE_PORTS": "1521", "SSH_PORTS": "22",
      "DNP3_PORTS": "20000", "MODBUS_PORTS": "502", "FILE_DATA_PORTS": "[$HTTP_PORTS,110,143]",
      "FTP_PORTS": "21", "GENEVE_PORTS": "6081", "VXLAN_PORTS": "4789", "TEREDO_PORTS": "3544",
      "SIP_PORTS": "[5060,5061]", "MAIL_PORTS": "[110,143]",
    ]
  }

  private static let groupsAtHome = [
    "HTTP_SERVERS", "SMTP_SERVERS", "SQL_SERVERS", "DNS_SERVERS", "TELNET_SERVERS", "DC_SERVERS",
    "DNP3_SERVER", "DNP3_CLIENT", "MODBUS_SERVER", "MODBUS_CLIENT", "ENIP_SERVER", "ENIP_CLIENT",
    "FTP_SERVERS", "SSH_SERVERS", "SIP_SERVERS",
  ]

  /// Sets a variable by name: one whose name ends in `PORT` or `PORTS` is for ports.
  public mutating func set(_ name: String, to value: String) {
    if name.hasSuffix("_PORTS") || name.hasSuffix("_PORT") {
      ports[name] = value
    } else {
      addresses[name] = value
    }
  }
}
