import Analysis
import Detection
import Foundation
import Terms

/// Where a local monitor keeps what it has learned: `NAME.profiles` in its state folder, or the
/// file that `beryl-local --profiles` names. Written whole or not at all.
public struct ProfileFile: Sendable {
  /// Event time between two writings.
  static let spacing = TimeSpan.minutes(10)
  /// The longest file that is read, in bytes.
  static let byteLimit = 256 << 20

  public let path: String

  public init(path: String) { self.path = path }

  init(_ settings: MonitorSettings) {
    self.init(path: settings.stateDirectory + "/\(settings.monitor).profiles")
  }

  /// What is to be said of the file after trying to take it up; nil when there is none.
  public enum Loading: Sendable, Hashable {
    case taken
    /// Faulty, with the place and the reason: the monitor begins afresh.
    case refused(String)
  }

  /// Takes up what the file holds.
  public func load(into pipeline: inout DetectionPipeline) -> Loading? {
    guard let bytes = read() else { return nil }
    do throws(StateFault) {
      try pipeline.restore(learned: bytes)
      return .taken
    } catch {
      return .refused("\(path): \(error)")
    }
  }

  private func read() -> [UInt8]? {
    guard let file = FileHandle(forReadingAtPath: path) else { return nil }
    defer { try? file.close() }
    guard let data = try? file.read(upToCount: Self.byteLimit) else { return [] }
    return Array(data)
  }

  /// Moves a file that was refused out of the way of the next one; the new path, if that worked.
  func setAside() -> String? {
    let aside = path + ".refused"
    return rename(path, aside) == 0 ? aside : nil
  }

  /// Puts `bytes` in the file's place in one step, so that a crash leaves the old or the new.
  public func save(_ bytes: [UInt8]) throws {
    let fresh = path + ".new"
    guard
      FileManager.default.createFile(
        atPath: fresh, contents: nil, attributes: [.posixPermissions: 0o600]),
      let file = FileHandle(forWritingAtPath: fresh)
    else { throw ProfileFileFault.notWritable(fresh) }
    try file.write(contentsOf: Data(bytes))
    try file.synchronize()
    try file.close()
    guard rename(fresh, path) == 0 else { throw ProfileFileFault.notWritable(path) }
  }
}

/// Why profiles were not written.
enum ProfileFileFault: Error, CustomStringConvertible {
  case notWritable(String)

  var description: String {
    switch self {
    case .notWritable(let path): "\(path): cannot be written"
    }
  }
}
