import Terms

/// An HTTP/1 request: told when its head and the first `bodyLimit` bytes of its body, or all of it,
/// are there, or when the conversation ends before.
public struct HTTPRequest: Sendable, Hashable {
  /// Bytes kept of a head (request line and fields), and of a body.
  public static let headLimit = 8192
  public static let bodyLimit = 1024

  /// The head as sent, without the empty line, cut to `headLimit`.
  public var head: [UInt8] = []
  /// Places in `head` of the request target and of some fields' values; empty when absent.
  var targetRange = 0..<0
  var hostRange = 0..<0
  var userAgentRange = 0..<0
  var refererRange = 0..<0
  var contentTypeRange = 0..<0
  var authorizationRange = 0..<0
  /// As sent, at most 16 bytes.
  public var method = ""
  /// 0 or 1 for HTTP/1.0 and 1.1; 9 for a request without a version (HTTP/0.9).
  public var minorVersion: UInt8 = 1
  /// Bytes and fields of the whole head, though not kept.
  public var headLength = 0
  public var fieldCount = 0
  /// Bytes of the longest line of the head.
  public var longestLine = 0
  /// Content-Length; nil without one (or one that is no number).
  public var contentLength: UInt64?
  public var isChunked = false
  /// Content-Length twice with different values, or beside Transfer-Encoding (request smuggling).
  public var hasAmbiguousLength = false
  /// First bytes of the body, chunk framing removed.
  public var body: [UInt8] = []
  /// The head ended with an empty line; false when the conversation ended first.
  public var isComplete = false
  /// Zero-based number of the request in its connection.
  public var number = 0
  /// When its first byte came.
  public var started = CaptureTime.distantPast

  public init() {}

  /// The raw request target, percent escapes and all.
  public var target: ArraySlice<UInt8> { head[checked: targetRange] }
  public var host: ArraySlice<UInt8> { head[checked: hostRange] }
  public var userAgent: ArraySlice<UInt8> { head[checked: userAgentRange] }
  public var referer: ArraySlice<UInt8> { head[checked: refererRange] }
  public var contentType: ArraySlice<UInt8> { head[checked: contentTypeRange] }
  /// The value of Authorization: a scheme, a space, the credentials.
  public var authorization: ArraySlice<UInt8> { head[checked: authorizationRange] }
}

/// The head of an HTTP/1 response.
public struct HTTPResponse: Sendable, Hashable {
  /// Bytes kept of the request's target, of the head, and of the body.
  public static let targetLimit = 512
  public static let headLimit = 2048
  public static let bodyLimit = 256

  public var status = 0
  public var minorVersion: UInt8 = 1
  /// Of the request that it answers; empty where that was not seen.
  public var requestMethod = ""
  public var requestTarget: [UInt8] = []
  public var requestNumber = 0
  /// Whether that request carried an Authorization field.
  public var requestWasAuthorized = false
  /// From the request's first byte to the response's.
  public var delay = TimeSpan.zero
  public var head: [UInt8] = []
  var serverRange = 0..<0
  var contentTypeRange = 0..<0
  var locationRange = 0..<0
  var authenticateRange = 0..<0
  public var headLength = 0
  public var contentLength: UInt64?
  public var isChunked = false
  /// What of the body came with the head, at most `bodyLimit`.
  public var body: [UInt8] = []

  public init() {}

  public var server: ArraySlice<UInt8> { head[checked: serverRange] }
  public var contentType: ArraySlice<UInt8> { head[checked: contentTypeRange] }
  public var location: ArraySlice<UInt8> { head[checked: locationRange] }
  public var authenticate: ArraySlice<UInt8> { head[checked: authenticateRange] }
}

/// A request that is not complete after 5, 10, 20, 40, … seconds; told at the next whole second.
public struct HTTPProgress: Sendable, Hashable {
  public var isHeadComplete = false
  /// Bytes of the request so far, and the segments they came in.
  public var bytes: UInt64 = 0
  public var segments = 0
  /// Bytes of the body that were announced and have not come.
  public var missing: UInt64?
  public var started = CaptureTime.distantPast
  /// Since the request's first byte.
  public var elapsed = TimeSpan.zero
  /// Since its newest byte.
  public var silence = TimeSpan.zero

  public init() {}
}

extension [UInt8] {
  /// The slice, or nothing where the array is shorter.
  subscript(checked range: Range<Int>) -> ArraySlice<UInt8> {
    range.lowerBound >= 0 && range.upperBound <= count ? self[range] : []
  }
}
