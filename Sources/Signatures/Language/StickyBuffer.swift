/// The part of the traffic that conditions look at. The raw value is the keyword of Suricata 7;
/// only buffers that the matcher fills have a case here, others are listed as unsupported.
public enum StickyBuffer: String, Sendable, CaseIterable {
  /// The payload of the packet or stream, without a keyword.
  case payload = "pkt_data"
  case base64Data = "base64_data"
  case fileData = "file.data"

  case httpURI = "http.uri"
  case httpRawURI = "http.uri.raw"
  case httpMethod = "http.method"
  case httpRequestLine = "http.request_line"
  case httpRequestBody = "http.request_body"
  case httpUserAgent = "http.user_agent"
  case httpHost = "http.host"
  case httpRawHost = "http.host.raw"
  case httpHeader = "http.header"
  case httpRawHeader = "http.header.raw"
  case httpHeaderNames = "http.header_names"
  case httpCookie = "http.cookie"
  case httpAccept = "http.accept"
  case httpAcceptEncoding = "http.accept_enc"
  case httpAcceptLanguage = "http.accept_lang"
  case httpReferer = "http.referer"
  case httpConnection = "http.connection"
  case httpContentType = "http.content_type"
  case httpContentLength = "http.content_len"
  case httpStart = "http.start"
  case httpProtocol = "http.protocol"
  case httpStatusCode = "http.stat_code"
  case httpStatusMessage = "http.stat_msg"
  case httpResponseLine = "http.response_line"
  case httpResponseBody = "http.response_body"
  case httpServer = "http.server"
  case httpLocation = "http.location"
  /// Single header lines, each an instance.
  case httpRequestHeader = "http.request_header"
  case httpResponseHeader = "http.response_header"

  case dnsQuery = "dns.query"

  case tlsServerName = "tls.sni"
  /// Each certificate of the chain, in DER.
  case tlsCertificates = "tls.certs"
  case tlsCertificateSubject = "tls.cert_subject"
  case tlsCertificateIssuer = "tls.cert_issuer"
  case tlsCertificateSerial = "tls.cert_serial"
  case tlsCertificateFingerprint = "tls.cert_fingerprint"
  case ja3Hash = "ja3.hash"
  case ja3Text = "ja3.string"
  case ja3sHash = "ja3s.hash"
  case ja3sText = "ja3s.string"
  case ja4Hash = "ja4.hash"

  case sshProtocol = "ssh.proto"
  case sshSoftware = "ssh.software"

  /// IPv4, IPv6, TCP, UDP and ICMP headers as they came.
  case ipv4Header = "ipv4.hdr"
  case ipv6Header = "ipv6.hdr"
  case tcpHeader = "tcp.hdr"
  case udpHeader = "udp.hdr"
  case icmpv4Header = "icmpv4.hdr"
  case icmpv6Header = "icmpv6.hdr"

  /// The protocol whose session fills it; nil for buffers of packets and of several protocols.
  public var application: ApplicationProtocol? {
    switch self {
    case .payload, .base64Data, .fileData, .ipv4Header, .ipv6Header, .tcpHeader, .udpHeader,
      .icmpv4Header, .icmpv6Header:
      nil
    case .dnsQuery: .dns
    case .tlsServerName, .tlsCertificates, .tlsCertificateSubject, .tlsCertificateIssuer,
      .tlsCertificateSerial, .tlsCertificateFingerprint, .ja3Hash, .ja3Text, .ja3sHash, .ja3sText,
      .ja4Hash:
      .tls
    case .sshProtocol, .sshSoftware: .ssh
    default: .http
    }
  }

  /// Which way the messages go that have it; nil for either.
  public var direction: FlowCondition.Direction? {
    switch self {
    case .httpURI, .httpRawURI, .httpMethod, .httpRequestLine, .httpRequestBody, .httpUserAgent,
      .httpHost, .httpRawHost, .httpAccept, .httpAcceptEncoding, .httpAcceptLanguage, .httpReferer,
      .httpRequestHeader, .dnsQuery, .tlsServerName, .ja3Hash, .ja3Text, .ja4Hash:
      .toServer
    case .httpStatusCode, .httpStatusMessage, .httpResponseLine, .httpResponseBody, .httpServer,
      .httpLocation, .httpResponseHeader, .tlsCertificates, .tlsCertificateSubject,
      .tlsCertificateIssuer, .tlsCertificateSerial, .tlsCertificateFingerprint, .ja3sHash,
      .ja3sText:
      .toClient
    default: nil
    }
  }

  /// One message may have several, each inspected by itself.
  public var isMultiple: Bool {
    switch self {
    case .dnsQuery, .tlsCertificates, .fileData, .httpRequestHeader, .httpResponseHeader: true
    default: false
    }
  }
}
