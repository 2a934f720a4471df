import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Colours for a terminal; plain text for everything else.
struct TextStyle {
  enum Colour: String {
    case bold = "1"
    case faint = "2"
    case red = "31"
    case yellow = "33"
    case cyan = "36"
  }

  let isColoured: Bool

  /// Colours on standard output when it is a terminal and `NO_COLOR` (no-color.org) is not set.
  static var standardOutput: TextStyle {
    let forbidden = ProcessInfo.processInfo.environment["NO_COLOR"].map { !$0.isEmpty } ?? false
    return TextStyle(isColoured: isatty(STDOUT_FILENO) == 1 && !forbidden)
  }

  func paint(_ text: String, _ colours: Colour...) -> String {
    guard isColoured, !colours.isEmpty else { return text }
    return "\u{1b}[" + colours.map(\.rawValue).joined(separator: ";") + "m\(text)\u{1b}[0m"
  }

  /// A severity in a word: 0–10, up to 2 informational.
  static func word(severity: Double) -> String {
    switch severity {
    case ...2: "info"
    case ..<4: "low"
    case ..<6: "medium"
    case ..<8: "high"
    default: "critical"
    }
  }

  func severity(_ severity: Double, width: Int = 8) -> String {
    let word = Self.word(severity: severity)
    let padded = word.padded(to: width)
    switch severity {
    case ...2: return paint(padded, .faint)
    case ..<6: return paint(padded, .yellow)
    case ..<8: return paint(padded, .red)
    default: return paint(padded, .red, .bold)
    }
  }
}

extension String {
  /// With spaces behind, or in front, up to `width` characters.
  func padded(to width: Int, isRight: Bool = false) -> String {
    let spaces = String(repeating: " ", count: max(0, width - count))
    return isRight ? spaces + self : self + spaces
  }
}
