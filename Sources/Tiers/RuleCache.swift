import Crypto
import Foundation
import Signatures

/// Compiled rules kept between runs, under the digest of all that they were made from. A file that
/// is not what it should be is made anew.
struct RuleCache {
  private static let magic: UInt64 = 0x4265_7279_6c43_6163
  private static let headLength = 32

  let directory: String

  /// `$XDG_CACHE_HOME/beryl`, or `~/.cache/beryl`.
  static var standardDirectory: String {
    let environment = ProcessInfo.processInfo.environment
    if let base = environment["XDG_CACHE_HOME"], base.hasPrefix("/") { return base + "/beryl" }
    return NSHomeDirectory() + "/.cache/beryl"
  }

  enum Found {
    case rules(SignatureSet)
    case nothing
    /// Why the file is no good.
    case broken(String)
  }

  private func path(_ digest: String) -> String { "\(directory)/rules-\(digest).cache" }

  func find(_ digest: String) -> Found {
    let path = path(digest)
    guard FileManager.default.fileExists(atPath: path) else { return .nothing }
    guard let file = try? Data(contentsOf: URL(filePath: path), options: .mappedIfSafe) else {
      return .broken("\(path): cannot be read")
    }
    guard file.count >= Self.headLength else { return .broken("\(path): too short") }
    let (magic, checksum, count) = file.withUnsafeBytes { bytes in
      (
        bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
        bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
        bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
      )
    }
    guard magic == Self.magic, count == UInt64(file.count - Self.headLength) else {
      return .broken("\(path): not a rule cache, or cut short")
    }
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(count), alignment: 16)
    file.withUnsafeBytes { block.copyMemory(from: .init(rebasing: $0[Self.headLength...])) }
    guard Self.checksum(UnsafeRawBufferPointer(block)) == checksum else {
      block.deallocate()
      return .broken("\(path): damaged")
    }
    guard let rules = SignatureSet(block: block) else { return .broken("\(path): of another kind") }
    return .rules(rules)
  }

  private func path(_ stamp: RuleStamp) -> String { "\(directory)/rules-\(stamp.text).stamp" }

  /// The digest of the files that bear a stamp, if it was kept.
  func digest(under stamp: RuleStamp) -> String? {
    guard let bytes = try? Data(contentsOf: URL(filePath: path(stamp))), bytes.count == 32 else {
      return nil
    }
    let text = String(decoding: bytes, as: UTF8.self)
    return text.allSatisfy(\.isHexDigit) ? text : nil
  }

  /// Failure costs the next run a look at the files.
  func keep(_ digest: String, under stamp: RuleStamp) {
    try? Data(digest.utf8).write(to: URL(filePath: path(stamp)), options: .atomic)
  }

  /// Written beside and moved into place, so that no other run sees half of it. Failure costs the
  /// next run some seconds, nothing else.
  func keep(_ rules: SignatureSet, _ digest: String) {
    let block = rules.block
    var head = Data()
    for word in [Self.magic, Self.checksum(block), UInt64(block.count), 0] {
      withUnsafeBytes(of: word) { head.append(contentsOf: $0) }
    }
    let manager = FileManager.default
    try? manager.createDirectory(
      atPath: directory, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    let draft = "\(path(digest)).\(ProcessInfo.processInfo.processIdentifier)"
    guard manager.createFile(atPath: draft, contents: nil, attributes: [.posixPermissions: 0o600]),
      let file = FileHandle(forWritingAtPath: draft)
    else { return }
    do {
      try file.write(contentsOf: head)
      try file.write(contentsOf: Data(block))
      try file.close()
      if rename(draft, path(digest)) != 0 { unlink(draft) }
    } catch {
      unlink(draft)
    }
  }

  /// Against accidents, not against enemies: the folder is the user's own.
  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var sum: UInt64 = 0x9e37_79b9_7f4a_7c15
    var at = 0
    while at &+ 8 <= bytes.count {
      let word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      let product = (word ^ sum).multipliedFullWidth(by: 0xa076_1d64_78bd_642f)
      sum = product.high ^ product.low &+ UInt64(at)
      at &+= 8
    }
    while at < bytes.count {
      sum = (sum ^ UInt64(bytes[at])) &* 0x0000_0100_0000_01b3
      at &+= 1
    }
    return sum
  }
}
