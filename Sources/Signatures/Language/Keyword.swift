/// What a word in front of `:` or `;` stands for.
enum Keyword {
  /// What follows looks at this buffer.
  case buffer(StickyBuffer)
  /// The content before it looks at this buffer: the manner of Snort and of old Suricata.
  case bufferBehind(StickyBuffer)
  case transform(BufferTransform)
  case option(RuleOption)
  /// Known, with the reason why rules that have it are not evaluated.
  case unsupported(String)

  static let table: [String: Keyword] = {
    var table: [String: Keyword] = [:]
    for (reason, names) in unsupportedNames {
      for name in names { table[name] = .unsupported(reason) }
    }
    for option in RuleOption.allCases { table[option.rawValue] = .option(option) }
    for buffer in StickyBuffer.allCases { table[buffer.rawValue] = .buffer(buffer) }
    for (name, buffer) in olderNames { table[name] = .buffer(buffer) }
    for (name, buffer) in modifiers { table[name] = .bufferBehind(buffer) }
    for (name, transform) in transforms { table[name] = .transform(transform) }
    return table
  }()

  /// Buffers under the names of Suricata 4 and older, which are sticky, too.
  private static let olderNames: [(String, StickyBuffer)] = [
    ("file_data", .fileData), ("dns_query", .dnsQuery), ("tls_sni", .tlsServerName),
    ("tls_cert_subject", .tlsCertificateSubject), ("tls_cert_issuer", .tlsCertificateIssuer),
    ("tls_cert_serial", .tlsCertificateSerial),
    ("tls_cert_fingerprint", .tlsCertificateFingerprint), ("ja3_hash", .ja3Hash),
    ("ja3_string", .ja3Text), ("ssh_proto", .sshProtocol), ("ssh_software", .sshSoftware),
    ("ssh.software", .sshSoftware), ("http_request_line", .httpRequestLine),
    ("http_content_type", .httpContentType), ("http_content_len", .httpContentLength),
    ("http_accept", .httpAccept), ("http_accept_enc", .httpAcceptEncoding),
    ("http_accept_lang", .httpAcceptLanguage), ("http_referer", .httpReferer),
    ("http_connection", .httpConnection), ("http_header_names", .httpHeaderNames),
    ("http_protocol", .httpProtocol), ("http_start", .httpStart),
    ("http_response_line", .httpResponseLine),
  ]

  private static let modifiers: [(String, StickyBuffer)] = [
    ("http_uri", .httpURI), ("http_raw_uri", .httpRawURI), ("http_method", .httpMethod),
    ("http_client_body", .httpRequestBody), ("http_server_body", .httpResponseBody),
    ("http_header", .httpHeader), ("http_raw_header", .httpRawHeader),
    ("http_cookie", .httpCookie), ("http_user_agent", .httpUserAgent), ("http_host", .httpHost),
    ("http_raw_host", .httpRawHost), ("http_stat_code", .httpStatusCode),
    ("http_stat_msg", .httpStatusMessage),
  ]

  /// Those without a value.
  private static let transforms: [(String, BufferTransform)] = [
    ("dotprefix", .dotPrefix), ("to_lowercase", .lowercase), ("to_uppercase", .uppercase),
    ("strip_whitespace", .stripWhitespace), ("compress_whitespace", .compressWhitespace),
    ("url_decode", .decodeURL), ("header_lowercase", .lowercaseHeaders),
    ("strip_pseudo_headers", .stripPseudoHeaders), ("to_md5", .md5), ("to_sha1", .sha1),
    ("to_sha256", .sha256),
  ]
}

/// The keywords with a meaning of their own; raw values are the names in rules.
enum RuleOption: String, CaseIterable {
  case msg, sid, rev, gid, classtype, priority, reference, metadata, target, noalert, prefilter
  case content, uricontent, nocase, depth, offset, distance, within, rawbytes, startswith, endswith
  case fastPattern = "fast_pattern"
  case pcre
  case byteTest = "byte_test"
  case byteJump = "byte_jump"
  case byteExtract = "byte_extract"
  case byteMath = "byte_math"
  case isdataat, bsize, urilen, asn1, ftpbounce, xor
  case base64Decode = "base64_decode"
  case dsize, ttl, id, tos, sameip, ipopts, fragbits, fragoffset, flags
  case tcpFlags = "tcp.flags"
  case ipProto = "ip_proto"
  case seq, ack, window
  case tcpSequence = "tcp.seq"
  case tcpAcknowledgement = "tcp.ack"
  case tcpWindow = "tcp.window"
  case tcpMSS = "tcp.mss"
  case itype, icode
  case icmpID = "icmp_id"
  case icmpSequence = "icmp_seq"
  case streamSize = "stream_size"
  case flow, flowbits, xbits, hostbits, flowint, threshold
  case detectionFilter = "detection_filter"
  case applicationProtocol = "app-layer-protocol"
  case applicationEvent = "app-layer-event"
  case tlsVersion = "tls.version"
  case sslVersion = "ssl_version"
  case tlsSubject = "tls.subject"
  case tlsIssuer = "tls.issuerdn"
  case tlsFingerprint = "tls.fingerprint"
}
