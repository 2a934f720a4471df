/// Conditions on one buffer. Repeated groups of a buffer with several instances (`isMultiple`) may
/// each be answered by another instance; all conditions of a group by the same.
public struct BufferMatch: Sendable, Equatable {
  public var buffer: StickyBuffer
  /// Applied to the buffer in this order before the conditions look at it.
  public var transforms: [BufferTransform] = []
  public var conditions: [PayloadCondition] = []

  public init(buffer: StickyBuffer, transforms: [BufferTransform] = []) {
    self.buffer = buffer
    self.transforms = transforms
  }
}

/// One condition on the bytes of a buffer.
public enum PayloadCondition: Sendable, Equatable {
  case content(Content)
  /// pcre.
  case expression(Expression)
  case byteTest(ByteTest)
  case byteJump(ByteJump)
  case byteExtract(ByteExtract)
  case byteMath(ByteMath)
  /// isdataat.
  case dataAt(DataAt)
  /// bsize, and urilen on a buffer of the URI: the length of the whole buffer.
  case size(NumberRange)
  /// What it decodes is the buffer `base64Data` of the same rule.
  case base64Decode(Base64Decode)
  case asn1(ASN1Check)
  /// An FTP `PORT` command whose address is not the client's own.
  case ftpBounce
}

/// What is done to a buffer before conditions look at it.
public enum BufferTransform: Sendable, Hashable {
  /// `.` before the content, so that `content:".example.com"` finds the domain itself too.
  case dotPrefix
  case lowercase
  case uppercase
  /// Removes space, tab, line feed, vertical tab, form feed and carriage return.
  case stripWhitespace
  /// Runs of white space become one space.
  case compressWhitespace
  /// `%41` becomes `A`, `+` a space.
  case decodeURL
  /// Every header name in lower case.
  case lowercaseHeaders
  /// Removes pseudo headers of HTTP/2.
  case stripPseudoHeaders
  case xor(key: [UInt8])
  /// Digests, as raw octets.
  case md5, sha1, sha256
}
