/// A number in the buffer: how many octets, where, and how they are written.
public struct ByteField: Sendable, Hashable {
  public enum Notation: Sendable, Hashable {
    case bigEndian, littleEndian
    /// In the byte order that the DCE/RPC header of the packet names.
    case dce
    /// Digits as text, in base 8, 10 or 16 (`string,oct|dec|hex`); 0 for the base that `0x` or `0`
    /// before them names, as in C.
    case text(base: UInt8)
  }

  /// 1…8 for binary; up to 23 digits for text, 0 for as many digits as there are. A variable in
  /// byte_jump and byte_test of Suricata 7.
  public var count: Operand = .constant(0)
  /// From the beginning of the buffer, or from the end of the previous match if `isRelative`.
  public var offset: Operand = .constant(0)
  public var isRelative = false
  public var notation = Notation.bigEndian
  /// Keeps these bits and shifts them down to the lowest of the mask; nil keeps all.
  public var mask: UInt64?

  public init() {}
}

/// Compares a number in the buffer. Does not move the cursor.
public struct ByteTest: Sendable, Hashable {
  public enum Operation: UInt8, Sendable {
    case equal, less, greater, lessOrEqual, greaterOrEqual
    /// Any of the bits is set.
    case and
    /// Any of the bits differs.
    case xor
  }

  public var field = ByteField()
  public var operation = Operation.equal
  /// The result of `operation` is inverted (`!&`, `!=`).
  public var isNegated = false
  /// Unsigned: a constant is the bit pattern.
  public var value: Operand = .constant(0)

  public init() {}
}

/// Moves the cursor by a number in the buffer; fails if that leaves the buffer.
public struct ByteJump: Sendable, Hashable {
  public enum Origin: UInt8, Sendable {
    /// Behind the octets that were read.
    case field
    case beginning, end
  }

  public var field = ByteField()
  public var multiplier: UInt32 = 1
  /// Rounds the number up to a multiple of four.
  public var isAligned = false
  public var origin = Origin.field
  /// Added at last; may be negative.
  public var postOffset: Operand = .constant(0)

  public init() {}
}

/// Reads a number into a variable, and moves the cursor behind it.
public struct ByteExtract: Sendable, Hashable {
  public var field = ByteField()
  public var variable = 0
  public var multiplier: UInt32 = 1
  /// Rounds the number up to a multiple of this: 0 (none), 2 or 4.
  public var alignment: UInt8 = 0

  public init() {}
}

/// Reads a number, computes with it, and keeps the result in a variable.
public struct ByteMath: Sendable, Hashable {
  public enum Operation: UInt8, Sendable {
    case add, subtract, multiply, divide, shiftLeft, shiftRight
  }

  public var field = ByteField()
  public var operation = Operation.add
  public var value: Operand = .constant(0)
  public var result = 0

  public init() {}
}

/// There is enough behind: with `isRelative` at least `position` octets behind the previous match,
/// otherwise an octet at `position` from the beginning, counted from 0 (so Suricata).
public struct DataAt: Sendable, Hashable {
  public var position: Operand = .constant(0)
  public var isNegated = false
  public var isRelative = false

  public init() {}
}

/// Decodes base64 (RFC 2045: octets that do not belong are skipped; stops at the first that cannot
/// be decoded).
public struct Base64Decode: Sendable, Hashable {
  /// At most this many octets of encoded text; nil for all.
  public var count: UInt32?
  public var offset: UInt32 = 0
  public var isRelative = false

  public init() {}
}

/// Looks for malformed ASN.1 in BER.
public struct ASN1Check: Sendable, Hashable {
  /// A bit string that claims more unused bits than it has.
  public var findsBitStringOverflow = false
  /// A number in text that is longer than any double's.
  public var findsDoubleOverflow = false
  /// A length above this many octets.
  public var oversizeLength: UInt32?
  public var offset: Int32 = 0
  public var isRelative = false

  public init() {}
}
