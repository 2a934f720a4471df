/// The text of one rule: a line, or several that `\` at their ends joins.
struct RuleText {
  /// A part that stands in one line of the file.
  struct Segment {
    /// In the joined text.
    var offset: Int
    /// From 1.
    var line: Int
  }

  /// The octets of the joined lines; empty where the rule is one line of the file.
  private(set) var joined: [UInt8] = []
  private var segments: [Segment] = []
  var firstLine: Int

  init(line: Int) { firstLine = line }

  mutating func append(_ part: UnsafeBufferPointer<UInt8>, line: Int) {
    segments.append(Segment(offset: joined.count, line: line))
    joined.append(contentsOf: part)
  }

  /// The line and the column, both from 1, of an octet of the rule; `indent` octets stand before the
  /// rule in its line.
  func position(of offset: Int, indent: Int) -> (line: Int, column: Int) {
    guard let segment = segments.last(where: { $0.offset <= offset }) else {
      return (firstLine, offset + indent + 1)
    }
    return (segment.line, offset - segment.offset + 1)
  }
}
