/// What machine code brought in a message looks like: fillers, sleds, decoders, calls of a shell.
struct CodeMarks: Sendable {
  /// Longest run of one byte, if it has `leastRun` of them, and of x86's one-byte no-operation.
  private(set) var run = 0
  private(set) var noOperations = 0
  /// Repeats of a four-byte no-operation of another processor.
  private(set) var wideNoOperations = 0
  /// Bytes of the longest run of instructions that do nothing, of whatever lengths.
  private(set) var sledLength = 0
  /// A decoder written in letters and digits, which no text contains.
  private(set) var isWritten = false
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
    var binary = 0
    var hasSingles = false
    // Whether there is an instruction of several bytes that does nothing.
    var hasWide = false
    var places: [Int] = []
    Self.leads.withUnsafeBufferPointer { leads in
      bytes.withUnsafeBufferPointer { bytes in
        hasSingles = Self.hasSingles(bytes, leads)
        run = Self.longestRun(bytes)
        // One look at each byte: nearly all begin nothing.
        var (last, current) = (-2, 0)
        for place in 0..<bytes.count {
          let lead = leads[Int(bytes[place])]
          // Half of what is encrypted is no text: counted without a branch.
          binary &+= Int((lead & Self.binary) &>> 10)
          let follower = lead & (Self.anyLead | 0xff)
          if follower == 0 { continue }
          let next = place &+ 1 < bytes.count ? bytes[place &+ 1] : 0
          if bytes[place] == 0x90 {
            current = last &+ 1 == place ? current &+ 1 : 1
            last = place
            noOperations = max(noOperations, current)
            let previous = place > 0 ? bytes[place &- 1] : 0
            if previous == 0x66 || previous == 0x2e { hasWide = true }
          } else if follower == Self.anyLead || follower == UInt16(next) {
            places.append(place)
          } else if bytes[place] == 0x0f, next == 0x1f {
            hasWide = true
          }
        }
      }
    }
    for place in places { mark(bytes, place) }
    // Text is no sled.
    if binary >= 8, hasSingles { sledLength = NopSled.longestMixed(bytes) }
    if binary >= 8, hasWide { sledLength = max(sledLength, NopSled.longestWide(bytes)) }
    binaryShare = bytes.isEmpty ? 0 : Double(binary) / Double(bytes.count)
    code = min(code, 3)
  }

  /// Bytes between the places at which runs are looked for: a run twice as long has two of them.
  private static let stride = 16
  /// Runs of one byte that are shorter may be missed: nobody asks for them.
  static let leastRun = 2 * stride

  private static func longestRun(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var longest = 0
    var place = stride
    while place < bytes.count {
      let byte = bytes[place]
      guard bytes[place &- stride] == byte, bytes[place &- stride / 2] == byte else {
        place &+= stride
        continue
      }
      var start = place
      while start > 0, bytes[start &- 1] == byte { start &-= 1 }
      var end = place
      while end < bytes.count, bytes[end] == byte { end &+= 1 }
      longest = max(longest, end &- start)
      place = max(place, end &- 1) &+ stride
    }
    return longest
  }

  /// Whether there may be `NopSled.least` instructions of one byte in a row that do nothing.
  private static func hasSingles(
    _ bytes: UnsafeBufferPointer<UInt8>, _ leads: UnsafeBufferPointer<UInt16>
  ) -> Bool {
    var place = stride
    while place < bytes.count {
      let all =
        leads[Int(bytes[place])] & leads[Int(bytes[place &- 4])] & leads[Int(bytes[place &- 8])]
        & leads[Int(bytes[place &- 12])] & leads[Int(bytes[place &- 16])]
      if all & single != 0 { return true }
      place &+= stride
    }
    return false
  }

  private static let anyLead: UInt16 = 0x100
  private static let binary: UInt16 = 0x400
  /// An instruction of one byte that does nothing.
  private static let single: UInt16 = 0x800

  /// For each byte: what must follow it (in the low eight bits, or `anyLead`; 0 for one that begins
  /// nothing), whether it is no text, and whether it is a `single`.
  private static let leads: [UInt16] = {
    var leads = (0..<256 as Range<UInt16>).map { byte in
      let isText = byte < 0x7f && byte >= 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d
      return isText ? 0 : binary
    }
    for (byte, next) in [
      (0x13, 0xc0), (0x03, 0xe0), (0x1a, 0x50), (0xe1, 0xa0), (0xd9, 0x74), (0x2f, 0x62),
      (0x68, 0x2f), (0xcd, 0x80), (0x0f, 0x05), (0x41, 0x61), (0xe8, anyLead), (0xeb, anyLead),
      (0x25, anyLead), (0xfc, anyLead), (0x64, 0x8b), (0x50, 0x59), (0x90, anyLead),
    ] as [(Int, UInt16)] {
      leads[byte] = leads[byte] & binary | next
    }
    for byte in leads.indices where NopSled.single[byte] { leads[byte] |= single }
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
      if cursor.at(1) == 0x74, cursor.at(2) == 0x24, cursor.at(3) == 0xf4 {
        code += 0.9
        if Self.takesPlace(cursor) { code += 0.8 }
      }
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
    case 0xfc:
      // The first instructions of Metasploit's payloads, for 32 and 64 bits.
      if cursor.at(1) == 0xe8, cursor.at(3) == 0, cursor.at(4) == 0, cursor.at(5) == 0,
        cursor.at(6) == 0x60, cursor.at(7) == 0x89
      {
        code += 2
      }
      if cursor.at(1) == 0x48, cursor.at(2) == 0x83, cursor.at(3) == 0xe4, cursor.at(4) == 0xf0 {
        code += 2
      }
    case 0x64:
      // fs:[0x30]: where Windows keeps its list of libraries.
      if cursor.at(1) == 0x8b, cursor.at(2) & 0xc7 == 0x42, cursor.at(3) == 0x30 { code += 0.8 }
    case 0x50:
      if cursor.starts("PYIIIIIIII") || cursor.starts("PYAIAIAIAIAQATAX") { isWritten = true }
    case 0xcd: if cursor.at(1) == 0x80 { code += 0.4 }
    case 0x0f: if cursor.at(1) == 0x05 { code += 0.1 }
    case 0x41: markCyclic(cursor)
    case 0x25: markConversion(cursor)
    default: break
    }
  }

  /// Behind the place found: a register takes it, and what follows is decoded in a loop.
  private static func takesPlace(_ cursor: ByteCursor) -> Bool {
    let pop = (4..<12).first { cursor.at($0) & 0xf8 == 0x58 }
    guard let pop else { return false }
    return (pop..<(pop + 24)).contains {
      cursor.at($0) == 0x31 && cursor.at($0 + 1) & 0xc0 == 0x40
        || cursor.at($0) == 0x83 && [0x04, 0xfc].contains(cursor.at($0 + 2))
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
    // `%20f` and `%2f` are how links write a blank and a slash.
    let isEscape = cursor.at(1) == 0x32 && offset <= 3 && (offset == 2 || cursor.at(2).isDigit)
    if isEscape { return }
    switch cursor.at(offset) {
    case 0x6e: conversions += 3
    case 0x78, 0x66, 0x70, 0x73: conversions += 1
    default: break
    }
  }
}
