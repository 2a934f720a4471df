import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A bar on standard error for work that takes longer than a moment; nothing when that is no
/// terminal.
public struct ProgressBar {
  /// Host seconds before the bar appears, and between two drawings.
  static let delay = 2.0
  static let interval = 0.1
  static let width = 30

  private let title: String
  private let isEnabled = isatty(STDERR_FILENO) == 1
  private let started = Date()
  private var drawn: Date?

  public init(_ title: String) { self.title = title }

  /// Shows `share` of the work (0–1) as done.
  public mutating func update(_ share: Double, note: String = "") {
    guard isEnabled else { return }
    let now = Date()
    guard now.timeIntervalSince(started) >= Self.delay,
      now.timeIntervalSince(drawn ?? .distantPast) >= Self.interval
    else { return }
    drawn = now
    let done = Int(min(1, max(0, share)) * Double(Self.width))
    let bar = String(repeating: "█", count: done) + String(repeating: "░", count: Self.width - done)
    write("\r\(title) \(bar) \(Int(min(1, max(0, share)) * 100)) % \(note)\u{1b}[K")
  }

  /// Wipes the bar.
  public mutating func finish() {
    if drawn != nil { write("\r\u{1b}[K") }
    drawn = nil
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
