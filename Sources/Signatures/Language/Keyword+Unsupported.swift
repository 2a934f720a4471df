extension Keyword {
  /// Keywords of Suricata 7 and Snort 2 that are not evaluated, by reason.
  static let unsupportedNames: [(reason: String, names: [String])] = [
    (
      "Beryl runs no programs of rules",
      ["lua", "luajit", "luaxform", "so_rule", "activates", "activated_by", "count"]
    ),
    (
      "Beryl watches and does not change traffic",
      ["replace", "react", "resp", "bypass", "rev_replace", "config"]
    ),
    (
      "packets behind a match are not recorded",
      ["tag", "logto", "session"]
    ),
    (
      "files are not extracted from sessions",
      [
        "filestore", "filemagic", "file.magic", "filename", "file.name", "fileext", "filemd5",
        "filesha1", "filesha256", "filesize", "file_type",
      ]
    ),
    (
      "lists beside the rules are not read",
      ["dataset", "datarep", "iprep", "geoip", "ip_rep"]
    ),
    (
      "events of Suricata's own decoder and stream engine are not known here",
      ["decode-event", "stream-event", "engine-event", "requires", "nfq_set_mark"]
    ),
    (
      "Beryl has no parser of the protocol",
      [
        "modbus", "dnp3_func", "dnp3_ind", "dnp3_obj", "dnp3_data", "dnp3.data", "cip_service",
        "enip_command", "nfs_procedure", "nfs.version", "nfs_version", "rpc", "dce_iface",
        "dce_opnum", "dce_stub_data", "dcerpc.iface", "dcerpc.opnum", "dcerpc.stub_data",
        "krb5_msg_type", "krb5_err_code", "krb5.cname", "krb5.sname", "krb5_cname", "krb5_sname",
        "krb5.weak_encryption", "krb5.ticket_encryption", "sip.method", "sip.uri",
        "sip.request_line", "sip.stat_code", "sip.stat_msg", "sip.response_line", "sip.protocol",
        "rfb.name", "rfb.secresult", "rfb.sectype", "mqtt.type", "mqtt.flags", "mqtt.qos",
        "mqtt.reason_code", "mqtt.protocol_version", "mqtt.connect.clientid",
        "mqtt.connect.username", "mqtt.connect.password", "mqtt.connect.willtopic",
        "mqtt.connect.willmessage", "mqtt.connect.flags", "mqtt.connect.sessionpresent",
        "mqtt.connack.session_present", "mqtt.publish.topic", "mqtt.publish.message",
        "mqtt.subscribe.topic", "mqtt.unsubscribe.topic", "quic.version", "quic.cyu.hash",
        "quic.cyu.string", "quic.sni", "quic.ua", "http2.frametype", "http2.errorcode",
        "http2.priority", "http2.window", "http2.size_update", "http2.settings",
        "http2.header_name", "http2.header", "template_buffer", "ike.init_spi", "ike.resp_spi",
        "ike.chosen_sa_attribute", "ike.exchtype", "ike.vendor", "ike.key_exchange_payload",
        "ike.key_exchange_payload_length", "ike.nonce_payload", "ike.nonce_payload_length",
        "pgsql.query", "bittorrent_dht", "vlan.id", "vlan.layers", "ether.hdr",
      ]
    ),
    (
      "the session's parser does not tell it",
      [
        "ssl_state", "tls.random", "tls.random_time", "tls.random_bytes", "tls.store", "tlsstore",
        "tls_cert_notbefore", "tls_cert_notafter", "tls_cert_valid", "tls_cert_expired",
        "tls.cert_chain_len", "tls.alpn", "tls.subjectaltname", "ssh.protoversion",
        "ssh.softwareversion", "ssh.hassh", "ssh.hassh.string", "ssh.hassh.server",
        "ssh.hassh.server.string", "smb.ntlmssp_user", "smb.ntlmssp_domain", "smb.version",
        "smb.share", "smb.named_pipe", "smb_share", "smb_named_pipe",
        "snmp.version", "snmp.community", "snmp.usm", "snmp.pdu_type", "dns.opcode", "dns.rcode",
        "dns.rrtype", "dns.answer.name", "dns.query.name", "dhcp.leasetime",
        "dhcp.rebinding_time", "dhcp.renewal_time", "ftpdata_command", "ftp.command",
        "ftp.command_data", "ftp.reply", "icmpv6.mtu", "l3_proto", "email.from", "email.subject",
        "email.to", "frame", "absent", "pcrexform", "stream_reassemble", "tcp.options", "cvs",
        "bittorrent", "file_name", "http_encode", "http.referer.raw", "pkt_num", "detection",
        "flow.age", "flow.pkts", "flow.bytes", "flow.pkts_toclient", "flow.pkts_toserver",
        "flow.bytes_toclient", "flow.bytes_toserver", "ip_rev", "entropy", "from_base64",
        "from_base64_decode", "gzip_decompress", "zlib_decompress", "subslice", "ssh.protocol",
        "base64_decode_data", "byte", "igmp.type", "igmp.hdr", "dcerpc", "sd_pattern",
      ]
    ),
  ]

  /// Why a keyword is not taken that stands in no table.
  static func unknown(_ name: String, in table: [String: Keyword]) -> String {
    let nearest = table.keys.filter {
      abs($0.utf8.count - name.utf8.count) <= 1 && $0.utf8.count > 3
    }
    .filter { differences(Array($0.utf8), Array(name.utf8)) == 1 }.min()
    let hint = nearest.map { "; '\($0)' is one" } ?? ""
    return "unknown keyword\(hint)"
  }

  /// The octets to change, add or remove, if it is none or one; 2 for more.
  private static func differences(_ left: [UInt8], _ right: [UInt8]) -> Int {
    if left == right { return 0 }
    let (short, long) = left.count <= right.count ? (left, right) : (right, left)
    var head = 0
    while head < short.count, short[head] == long[head] { head += 1 }
    var tail = 0
    while tail < short.count - head, short[short.count - 1 - tail] == long[long.count - 1 - tail] {
      tail += 1
    }
    return max(short.count, long.count) - head - tail <= 1 ? 1 : 2
  }
}
