import Glibc

/// The claim of one process on an archive: an advisory lock (flock) on a file beside it, which
/// the kernel drops when the process dies, however it dies.
final class ArchiveLock: Sendable {
  private let descriptor: Int32

  /// Claims `path` + `-lock`, or throws `.locked` with the holder's process id, or `.notWritable`.
  init(archive path: String) throws(ArchiveFault) {
    let opened = open(path + "-lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard opened >= 0 else {
      throw ArchiveFault(path: path, reason: .notWritable(String(cString: strerror(errno))))
    }
    guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      let holder = Self.holder(opened)
      close(opened)
      throw ArchiveFault(
        path: path,
        reason: code == EWOULDBLOCK
          ? .locked(by: holder) : .notWritable(String(cString: strerror(code))))
    }
    let name = Array("\(getpid())\n".utf8)
    // The id is only for the other's message: a failed write harms nothing.
    if ftruncate(opened, 0) == 0 { _ = pwrite(opened, name, name.count, 0) }
    descriptor = opened
  }

  deinit { close(descriptor) }

  private static func holder(_ descriptor: Int32) -> Int32? {
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return nil }
    let text = String(decoding: bytes.prefix(count), as: UTF8.self)
    return Int32(text.prefix { $0.isNumber })
  }
}
