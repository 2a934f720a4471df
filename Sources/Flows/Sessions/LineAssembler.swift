/// Bytes to lines, each kept up to a limit.
struct LineAssembler {
  /// Bytes kept of a line.
  static let limit = 1024

  /// The line at hand, without its end.
  private(set) var line: [UInt8] = []
  /// Its bytes, though not kept.
  private(set) var length = 0
  private var isComplete = false

  /// Uses up bytes to the end of the line at hand.
  ///
  /// - Returns: how many, and whether the line is complete; its length counts no CR.
  mutating func feed(_ bytes: UnsafeRawBufferPointer) -> (count: Int, isComplete: Bool) {
    if isComplete {
      line.removeAll(keepingCapacity: true)
      length = 0
      isComplete = false
    }
    let end = bytes.firstLineEnd
    let part = bytes.first(end ?? bytes.count)
    length += part.count
    if line.count < Self.limit { line.append(contentsOf: part.first(Self.limit - line.count)) }
    guard let end else { return (bytes.count, false) }
    if line.count == length, line.last == 0x0d {
      line.removeLast()
      length -= 1
    }
    isComplete = true
    return (end + 1, true)
  }

  /// Forgets the line at hand.
  mutating func restart() { self = LineAssembler() }
}
