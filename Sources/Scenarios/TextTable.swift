/// Columns of text, padded to line up; numbers to the right.
struct TextTable {
  enum Alignment { case left, right }

  private let alignments: [Alignment]
  private var rows: [[String]]

  init(_ columns: [(title: String, alignment: Alignment)]) {
    alignments = columns.map(\.alignment)
    rows = [columns.map(\.title)]
  }

  /// `row` has a cell per column.
  mutating func append(_ row: [String]) { rows.append(row) }

  /// One line per row, the titles first; no blanks at the end of a line.
  var lines: [String] {
    let widths = alignments.indices.map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      let cells = zip(row, zip(widths, alignments)).map { cell, form in
        let blanks = String(repeating: " ", count: max(0, form.0 - cell.count))
        return form.1 == .left ? cell + blanks : blanks + cell
      }
      let line = cells.joined(separator: "  ")
      return String(
        line.prefix(
          (line.lastIndex { $0 != " " }.map {
            line.distance(from: line.startIndex, to: $0) + 1
          }) ?? 0))
    }
  }
}
