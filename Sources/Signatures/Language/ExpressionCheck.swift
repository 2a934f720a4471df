import CPCRE2

/// Whether PCRE2 compiles an expression.
enum ExpressionCheck {
  /// In octets; longer expressions are refused.
  static let lengthLimit = 32_768

  /// nil if it compiles; else what PCRE2 says, and where in the pattern.
  static func fault(
    _ pattern: [UInt8], _ options: Expression.Options
  ) -> (position: Int, reason: String)? {
    guard pattern.count <= lengthLimit else {
      return (lengthLimit, "more than \(lengthLimit) octets")
    }
    var code: Int32 = 0
    var position = 0
    let compiled = pattern.withUnsafeBufferPointer {
      pcre2_compile_8($0.baseAddress, pattern.count, options.libraryOptions, &code, &position, nil)
    }
    if let compiled {
      pcre2_code_free_8(compiled)
      return nil
    }
    return (min(position, pattern.count), text(of: code))
  }

  private static func text(of code: Int32) -> String {
    let size = 256
    var buffer = [UInt8](repeating: 0, count: size)
    let length = pcre2_get_error_message_8(code, &buffer, size)
    return length > 0
      ? String(decoding: buffer.prefix(Int(length)), as: UTF8.self) : "error \(code)"
  }
}

extension Expression.Options {
  /// As PCRE2 takes them.
  public var libraryOptions: UInt32 {
    var options: UInt32 = 0
    if contains(.ignoresCase) { options |= UInt32(PCRE2_CASELESS) }
    if contains(.multiline) { options |= UInt32(PCRE2_MULTILINE) }
    if contains(.dotAll) { options |= UInt32(PCRE2_DOTALL) }
    if contains(.extended) { options |= UInt32(PCRE2_EXTENDED) }
    if contains(.anchored) { options |= UInt32(PCRE2_ANCHORED) }
    if contains(.dollarEndOnly) { options |= UInt32(PCRE2_DOLLAR_ENDONLY) }
    if contains(.ungreedy) { options |= UInt32(PCRE2_UNGREEDY) }
    return options
  }
}
