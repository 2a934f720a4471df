import Foundation
import GRDB

/// Why an archive cannot be used, and where it lies.
public struct ArchiveFault: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Reason: Hashable, Sendable {
    /// There is no file to read.
    case missing
    /// The directory or file cannot be created or written; the operating system's or SQLite's
    /// words.
    case notWritable(String)
    /// A directory, a device, or anything else that is not a plain file.
    case notAFile
    /// Neither room on the disk nor below `ArchiveOptions.fileLimit`. What was committed stays;
    /// the failed transaction left nothing behind.
    case full
    /// Not a database, a damaged one, or a batch that does not decode.
    case corrupt(String)
    /// A sound SQLite database that is no report archive.
    case foreign
    /// Written by a newer Beryl.
    case newerVersion(found: Int, known: Int)
    /// Another process (its id, when known) is writing to it.
    case locked(by: Int32?)
    /// Opened for reading only.
    case readOnly
    /// Anything else that SQLite refused, in its words.
    case refused(String)
  }

  public var path: String
  public var reason: Reason

  public init(path: String, reason: Reason) {
    self.path = path
    self.reason = reason
  }

  public var description: String {
    switch reason {
    case .missing: "\(path): no such report archive"
    case .notWritable(let words): "\(path): cannot be written: \(words)"
    case .notAFile: "\(path): is not a file"
    case .full: "\(path): no space left for reports"
    case .corrupt(let words): "\(path): damaged: \(words)"
    case .foreign: "\(path): is a database, but not a report archive"
    case .newerVersion(let found, let known):
      "\(path): version \(found) of a newer Beryl; this one knows versions up to \(known)"
    case .locked(let process):
      "\(path): in use by another monitor" + (process.map { " (process \($0))" } ?? "")
    case .readOnly: "\(path): opened for reading only"
    case .refused(let words): "\(path): \(words)"
    }
  }
}

extension ArchiveFault {
  /// Names what SQLite reported.
  init(path: String, _ error: DatabaseError) {
    let words = error.message ?? "\(error.resultCode)"
    switch error.resultCode {
    case .SQLITE_FULL: self.init(path: path, reason: .full)
    case .SQLITE_CORRUPT, .SQLITE_NOTADB: self.init(path: path, reason: .corrupt(words))
    case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM:
      self.init(path: path, reason: .notWritable(words))
    case .SQLITE_BUSY, .SQLITE_LOCKED: self.init(path: path, reason: .locked(by: nil))
    case .SQLITE_IOERR where error.extendedResultCode == .SQLITE_IOERR_SHORT_READ:
      self.init(path: path, reason: .corrupt(words))
    default: self.init(path: path, reason: .refused(words))
    }
  }
}
