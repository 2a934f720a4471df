/// One condition on the bytes of a buffer, in the form in which it is evaluated.
struct Step: BitwiseCopyable {
  enum Kind: UInt8 {
    case content, expression, byteTest, byteJump, byteExtract, byteMath, dataAt, size
    case base64, asn1, ftpBounce
  }

  struct Traits: OptionSet, BitwiseCopyable {
    let rawValue: UInt16

    static let isNegated = Traits(rawValue: 1)
    static let ignoresCase = Traits(rawValue: 2)
    static let hasOffset = Traits(rawValue: 4)
    static let hasDepth = Traits(rawValue: 8)
    static let hasDistance = Traits(rawValue: 16)
    static let hasWithin = Traits(rawValue: 32)
    static let endsBuffer = Traits(rawValue: 64)
    static let isRelative = Traits(rawValue: 128)
    static let isAligned = Traits(rawValue: 256)
    /// A later step of the group starts from where this one matched: other matches are worth a
    /// try when it fails.
    static let isFollowed = Traits(rawValue: 512)
    static let findsBitString = Traits(rawValue: 1024)
    static let findsDouble = Traits(rawValue: 2048)
  }

  enum Notation {
    static let bigEndian: UInt8 = 0
    static let littleEndian: UInt8 = 1
    static let dce: UInt8 = 2
    static let octal: UInt8 = 8
    static let decimal: UInt8 = 10
    static let hexadecimal: UInt8 = 16
    /// As the text's own beginning says: `0x`, `0` or neither.
    static let automatic: UInt8 = 64
  }

  var kind: Kind
  /// Comparison, arithmetic or origin; of a content the octet that is looked for first.
  var operation: UInt8 = 0
  var notation: UInt8 = 0
  /// Which of the numbers are variables.
  var variables: UInt8 = 0
  var traits = Traits()
  /// Content (in lower case if case does not matter) or pattern.
  var bytes = Span()
  /// Content: offset, depth, distance, within. Numbers: count, offset, value, multiplier. Others:
  /// what they need, in their order.
  var first: Int64 = 0
  var second: Int64 = 0
  var third: Int64 = 0
  var fourth: Int64 = 0
  var mask: UInt64 = .max
  /// Variable that is written, or the expression's place.
  var result: Int32 = -1

  init(_ kind: Kind) { self.kind = kind }

  /// What a content may be searched by: nothing else in the step asks for a place.
  var isPlain: Bool { traits.intersection([.hasOffset, .hasDepth, .isRelative]).isEmpty }
}
