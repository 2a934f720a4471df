import CoreFoundation
import Crypto
import Foundation
import Glibc

/// What tells cheaply that rule files are as they were: to read tens of megabytes for their digest
/// takes longer than to load what was made of them.
///
/// A stamp is of names, sizes, inodes and times of change, which every write moves. Files changed in
/// the last moments have none, since a clock's tick may hide a second write.
struct RuleStamp: Equatable {
  private static let leastAge = TimeInterval(2)

  let text: String

  /// nil where a file is missing, or was just changed.
  ///
  /// - Parameter context: all else that the digest depends on.
  init?(_ paths: [String], context: String, now: Date = Date()) {
    var hash = SHA256()
    hash.update(data: Data(context.utf8))
    for path in paths {
      var state = stat()
      guard stat(path, &state) == 0 else { return nil }
      let changed = max(
        Double(state.st_ctim.tv_sec), Double(state.st_mtim.tv_sec))
      guard abs(now.timeIntervalSince1970 - changed) > Self.leastAge else { return nil }
      let parts: [Int] = [
        Int(truncatingIfNeeded: state.st_dev), Int(truncatingIfNeeded: state.st_ino),
        Int(state.st_size), state.st_mtim.tv_sec, state.st_mtim.tv_nsec, state.st_ctim.tv_sec,
        state.st_ctim.tv_nsec,
      ]
      hash.update(data: Data("\(path)\n\(parts)\n".utf8))
    }
    text = hash.finalize().hexadecimalPrefix
  }
}

extension Digest {
  /// The first 16 octets.
  var hexadecimalPrefix: String {
    prefix(16).map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }
}
