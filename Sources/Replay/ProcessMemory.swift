import Foundation

/// Memory of this process.
public enum ProcessMemory {
  /// The most bytes resident so far (`VmHWM` of proc(5)); nil where the kernel does not say.
  public static var peak: UInt64? {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kibibytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first
    else { return nil }
    return UInt64(kibibytes).map { $0 &* 1024 }
  }
}
