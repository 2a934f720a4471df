/// A place in a file: line and column, counted from 1.
package struct Position: Hashable, Comparable {
  package var line: Int
  package var column: Int

  static let start = Position(line: 1, column: 1)

  package static func < (left: Position, right: Position) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// A YAML value with its place; scalars stay text, as types come from the format and not from their
/// looks.
package struct YAMLValue {
  package enum Content {
    case scalar(String)
    case list([YAMLValue])
    case mapping([Entry])
  }

  /// A key (a scalar) and its value.
  package struct Entry {
    package var key: String
    package var keyPosition: Position
    package var value: YAMLValue
  }

  package var content: Content
  package var position: Position

  var shape: TopologyFault.Shape {
    switch content {
    case .scalar: .scalar
    case .list: .list
    case .mapping: .mapping
    }
  }

  /// `key:` with nothing behind it, `~` or `null`.
  var isNull: Bool {
    guard case .scalar(let text) = content else { return false }
    return text.isEmpty || text == "~" || text == "null"
  }
}
