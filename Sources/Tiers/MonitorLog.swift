import Foundation
import Logging
import Terms

/// The monitors' log: one line per state change on standard error, `time level monitor text
/// key=value …`.
public struct MonitorLog: LogHandler {
  private let monitor: String
  public var logLevel: Logger.Level
  public var metadata: Logger.Metadata = [:]

  public init(monitor: String, level: Logger.Level) {
    self.monitor = monitor
    logLevel = level
  }

  public static func logger(monitor: MonitorName, level: String) -> Logger {
    let level = Logger.Level(rawValue: level) ?? .info
    return Logger(label: monitor.text) { _ in MonitorLog(monitor: monitor.text, level: level) }
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    let merged = metadata.merging(event.metadata ?? [:]) { _, new in new }
    let fields = merged.sorted { $0.key < $1.key }.map {
      " \($0.key)=\(Self.quoted("\($0.value)"))"
    }
    let time = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    let line = "\(time) \(event.level) \(monitor) \(event.message)\(fields.joined())\n"
    FileHandle.standardError.write(Data(line.utf8))
  }

  /// Values with spaces or control characters are quoted, so that one line stays one line.
  private static func quoted(_ value: String) -> String {
    let isPlain = value.unicodeScalars.allSatisfy { $0.value > 32 && $0.value < 127 && $0 != "\"" }
    return isPlain && !value.isEmpty ? value : value.debugDescription
  }
}
