/// What machine code brought in a message looks like: fillers, sleds, decoders, calls of a shell.
struct CodeMarks: Sendable {
  /// Longest run of one byte, and of x86's one-byte no-operation.
  private(set) var run = 0
  private(set) var noOperations = 0
  /// Repeats of a four-byte no-operation of another processor.
  private(set) var wideNoOperations = 0
  /// Weight of pieces of code that find their own place, decode themselves or call a shell.
  private(set) var code = 0.0
  /// A pattern that tools send to find how far a buffer reaches.
  private(set) var isCyclic = false
  /// Share of bytes that are no text.
  private(set) var binaryShare = 0.0
  /// Conversions that write or walk the stack (`%n`, `%x%x%x`).
  private(set) var conversions = 0

  init(_ bytes: some Collection<UInt8>) {
    let bytes = Array(bytes)
    var current = 0
    var previous = -1
    var binary = 0
    for (place, byte) in bytes.enumerated() {
      current = Int(byte) == previous ? current + 1 : 1
      previous = Int(byte)
      run = max(run, current)
      if byte == 0x90 { noOperations = max(noOperations, current) }
      if byte >= 0x7f || byte < 0x20 && byte != 0x09 && byte != 0x0a && byte != 0x0d { binary += 1 }
      if Self.leads[Int(byte)] { mark(bytes, place) }
    }
    binaryShare = bytes.isEmpty ? 0 : Double(binary) / Double(bytes.count)
    code = min(code, 3)
  }

  private static let leads: [Bool] = {
    var leads = [Bool](repeating: false, count: 256)
    for byte in [0x13, 0x03, 0x1a, 0xe8, 0xd9, 0xeb, 0x2f, 0x68, 0xcd, 0x0f, 0x41, 0x25, 0xe1] {
      leads[byte] = true
    }
    return leads
  }()

  private mutating func mark(_ bytes: [UInt8], _ place: Int) {
    let cursor = ByteCursor(bytes, at: place)
    switch cursor.byte {
    case 0x13, 0x03, 0x1a, 0xe1: markWide(cursor)
    case 0xe8:
      // call $+4 or $+5: the code asks where it is.
      if cursor.at(1) == 0xff, cursor.at(2) == 0xff, cursor.at(3) == 0xff, cursor.at(4) == 0xff {
        code += 0.7
      }
      if cursor.at(1) == 0, cursor.at(2) == 0, cursor.at(3) == 0, cursor.at(4) == 0,
        cursor.at(5) & 0xf8 == 0x58, place + 5 < bytes.count
      {
        code += 0.7
      }
      // The call at the end of jmp, call, pop.
      if cursor.at(2) == 0xff, cursor.at(3) == 0xff, cursor.at(4) == 0xff { code += 0.4 }
    case 0xd9:
      // fnstenv [esp-12] (Metasploit's shikata_ga_nai).
      if cursor.at(1) == 0x74, cursor.at(2) == 0x24, cursor.at(3) == 0xf4 { code += 0.9 }
    case 0xeb:
      if cursor.at(2) == 0x5e || cursor.at(2) == 0x5b || cursor.at(2) == 0x5d { code += 0.3 }
    case 0x2f:
      if cursor.at(1) == 0x62, cursor.at(2) == 0x69, cursor.at(3) == 0x6e, cursor.at(4) == 0x2f,
        cursor.at(5) == 0x73, cursor.at(6) == 0x68
      {
        code += 0.5
      }
    case 0x68:
      // push "//sh" or "/bin".
      if cursor.at(1) == 0x2f, cursor.at(2) == 0x2f, cursor.at(3) == 0x73 { code += 0.8 }
      if cursor.at(1) == 0x2f, cursor.at(2) == 0x62, cursor.at(3) == 0x69 { code += 0.5 }
    case 0xcd: if cursor.at(1) == 0x80 { code += 0.4 }
    case 0x0f: if cursor.at(1) == 0x05 { code += 0.1 }
    case 0x41: markCyclic(cursor)
    case 0x25: markConversion(cursor)
    default: break
    }
  }

  /// SPARC, MIPS, PA-RISC and ARM.
  private mutating func markWide(_ cursor: ByteCursor) {
    let word = (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(cursor.at($1)) }
    if [0x13c0_1ca6, 0x03e0_f825, 0x1a50_1a50, 0xe1a0_0000].contains(word) {
      wideNoOperations += 1
    }
  }

  /// `Aa0Aa1Aa2`.
  private mutating func markCyclic(_ cursor: ByteCursor) {
    if cursor.at(1) == 0x61, cursor.at(2) == 0x30, cursor.at(3) == 0x41, cursor.at(4) == 0x61,
      cursor.at(5) == 0x31, cursor.at(6) == 0x41, cursor.at(7) == 0x61, cursor.at(8) == 0x32
    {
      isCyclic = true
    }
  }

  private mutating func markConversion(_ cursor: ByteCursor) {
    var offset = 1
    while offset < 8, cursor.at(offset).isDigit || [0x2e, 0x24, 0x68].contains(cursor.at(offset)) {
      offset += 1
    }
    switch cursor.at(offset) {
    case 0x6e: conversions += 3
    case 0x78, 0x66, 0x70, 0x73: conversions += 1
    default: break
    }
  }
}
