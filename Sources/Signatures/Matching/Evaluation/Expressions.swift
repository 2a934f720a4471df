import CPCRE2

/// The regular expressions of a rule set, each compiled when it is first asked. For one worker.
final class Expressions {
  /// Steps that one search may take: hostile payload must not cost seconds.
  private static let matchLimit: UInt32 = 20_000

  private let codes: UnsafeMutablePointer<OpaquePointer?>
  private let isBroken: UnsafeMutablePointer<Bool>
  private let count: Int
  private let match: OpaquePointer?
  private let context: OpaquePointer?
  /// Searches given up at the limit.
  @exclusivity(unchecked) private(set) var exhausted: UInt64 = 0

  init(count: Int) {
    self.count = count
    codes = .allocate(capacity: max(count, 1))
    codes.initialize(repeating: nil, count: max(count, 1))
    isBroken = .allocate(capacity: max(count, 1))
    isBroken.initialize(repeating: false, count: max(count, 1))
    match = pcre2_match_data_create_8(1, nil)
    context = pcre2_match_context_create_8(nil)
    pcre2_set_match_limit_8(context, Self.matchLimit)
    pcre2_set_depth_limit_8(context, Self.matchLimit)
  }

  deinit {
    for place in 0..<count { if let code = codes[place] { pcre2_code_free_8(code) } }
    codes.deallocate()
    isBroken.deallocate()
    pcre2_match_data_free_8(match)
    pcre2_match_context_free_8(context)
  }

  /// Where the expression first matches at or behind `start`.
  func find(
    _ place: Int, _ pattern: UnsafeRawBufferPointer, options: UInt16,
    in data: UnsafeRawBufferPointer, from start: Int
  ) -> Range<Int>? {
    guard start <= data.count, let code = code(place, pattern, options),
      let subject = data.baseAddress
    else { return nil }
    let result = pcre2_match_8(
      code, subject.assumingMemoryBound(to: UInt8.self), data.count, start,
      UInt32(PCRE2_NO_UTF_CHECK), match, context)
    guard result >= 0, let vector = pcre2_get_ovector_pointer_8(match) else {
      if result != PCRE2_ERROR_NOMATCH { exhausted &+= 1 }
      return nil
    }
    // \K can put the beginning behind the end.
    return vector[0] <= vector[1] ? vector[0]..<vector[1] : vector[1]..<vector[1]
  }

  private func code(
    _ place: Int, _ pattern: UnsafeRawBufferPointer, _ options: UInt16
  ) -> OpaquePointer? {
    guard place >= 0, place < count, !isBroken[place] else { return nil }
    if let known = codes[place] { return known }
    var fault: Int32 = 0
    var offset = 0
    let code = pcre2_compile_8(
      pattern.baseAddress?.assumingMemoryBound(to: UInt8.self), pattern.count,
      Expression.Options(rawValue: options).bits, &fault, &offset, nil)
    guard let code else {
      isBroken[place] = true
      return nil
    }
    pcre2_jit_compile_8(code, UInt32(PCRE2_JIT_COMPLETE))
    codes[place] = code
    return code
  }
}

extension Expression.Options {
  /// As PCRE2 has them.
  fileprivate var bits: UInt32 {
    var bits: UInt32 = 0
    if contains(.ignoresCase) { bits |= UInt32(PCRE2_CASELESS) }
    if contains(.multiline) { bits |= UInt32(PCRE2_MULTILINE) }
    if contains(.dotAll) { bits |= UInt32(PCRE2_DOTALL) }
    if contains(.extended) { bits |= UInt32(PCRE2_EXTENDED) }
    if contains(.anchored) { bits |= UInt32(truncatingIfNeeded: PCRE2_ANCHORED) }
    if contains(.dollarEndOnly) { bits |= UInt32(PCRE2_DOLLAR_ENDONLY) }
    if contains(.ungreedy) { bits |= UInt32(PCRE2_UNGREEDY) }
    return bits
  }
}
