import Archive
import Foundation
import Monitoring
import Reports

/// Where `why` finds reports: a result file, or the archives of one or many monitors.
public struct ReportLookup {
  private var rows: [String: ReportRow] = [:]
  private var indices: [ArchiveIndex] = []
  /// Every id, ascending and without repeats; 36 characters each.
  public private(set) var ids: [String] = []

  public init(_ result: ReplayResult) {
    self.init(rows: result.incidents + result.detections + result.evidenceReports)
  }

  public init(rows: [ReportRow]) {
    for row in rows { self.rows[row.id] = row }
    ids = self.rows.keys.sorted()
  }

  /// The newest revision over all archives counts.
  public init(archives: [ReportArchive]) throws {
    for archive in archives { indices.append(try ArchiveIndex(archive)) }
    ids = Set(indices.flatMap(\.ids)).sorted().map(\.description)
  }

  /// Opens archive files; of a directory every `*.sqlite` below it, in order of path.
  public init(paths: [String]) throws {
    var files: [String] = []
    for path in paths { files += try Self.archives(at: path) }
    try self.init(archives: files.map { try ReportArchive(reading: $0) })
  }

  public mutating func row(_ id: String) throws -> ReportRow? {
    if let row = rows[id] { return row }
    guard !indices.isEmpty, let key = ReportID(id) else { return nil }
    var newest: Report?
    for position in indices.indices {
      guard let found = try indices[position].report(key)?.report else { continue }
      if let newest, newest.revision >= found.revision { continue }
      newest = found
    }
    return newest.map { ReportRow($0) }
  }

  /// Every own report of real traffic in these archives, newest revisions.
  public static func rows(paths: [String]) throws -> [ReportRow] {
    var rows: [ReportRow] = []
    for path in try paths.flatMap({ try archives(at: $0) }) {
      rows += try ReportArchive(reading: path).reports(lane: .live).map { ReportRow($0) }
    }
    return rows
  }

  private static func archives(at path: String) throws -> [String] {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
      isDirectory.boolValue
    else { return [path] }
    let below = FileManager.default.enumerator(atPath: path)
    var files: [String] = []
    while let name = below?.nextObject() as? String {
      if name.hasSuffix(".sqlite") { files.append((path as NSString).appendingPathComponent(name)) }
    }
    guard !files.isEmpty else { throw LookupFault.noArchives(path) }
    return files.sorted()
  }
}

/// Why a report cannot be found.
public enum LookupFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// A directory without an archive.
  case noArchives(String)
  /// Fewer than `ReportLookup.prefixLength` hexadecimal digits, or no hexadecimal digits.
  case malformed(String)
  /// Nobody has it; ids that start alike, the likest first.
  case unknown(String, nearest: [String])
  /// Several start so.
  case ambiguous(String, candidates: [String])

  public var description: String {
    switch self {
    case .noArchives(let path): "\(path): no report archive (*.sqlite) below"
    case .malformed(let text):
      "'\(text)' is no report id: give its first \(ReportLookup.prefixLength) hexadecimal digits "
        + "or more"
    case .unknown(let text, let nearest):
      "no report '\(text)'" + (nearest.isEmpty ? "" : "; nearest:\n" + Self.list(nearest))
    case .ambiguous(let text, let candidates):
      "'\(text)' is the start of several reports:\n" + Self.list(candidates)
    }
  }

  private static func list(_ lines: [String]) -> String {
    lines.map { "  " + $0 }.joined(separator: "\n")
  }
}

extension ReportLookup {
  /// Hexadecimal digits needed to name a report.
  public static let prefixLength = 4
  /// Candidates named in a fault.
  static let candidateLimit = 8

  /// The one id that starts with `text`.
  public mutating func resolve(_ text: String) throws -> String {
    let wanted = text.lowercased()
    guard wanted.count >= Self.prefixLength, wanted.count <= 36,
      wanted.allSatisfy({ $0.isHexDigit || $0 == "-" })
    else { throw LookupFault.malformed(text) }
    let matches = ids.filter { $0.hasPrefix(wanted) }
    if matches.count == 1 { return matches[0] }
    guard matches.isEmpty else {
      throw LookupFault.ambiguous(text, candidates: try described(matches))
    }
    throw LookupFault.unknown(text, nearest: try described(alike(wanted)))
  }

  /// Ids that share the longest start with `wanted`; incidents when none shares any.
  private mutating func alike(_ wanted: String) throws -> [String] {
    let shared = ids.map { ($0, $0.commonPrefix(with: wanted).count) }
    let longest = shared.map(\.1).max() ?? 0
    if longest > 0 { return shared.filter { $0.1 == longest }.map(\.0) }
    return Array(ids.prefix(Self.candidateLimit))
  }

  private mutating func described(_ ids: [String]) throws -> [String] {
    var lines: [String] = []
    for id in ids.prefix(Self.candidateLimit) {
      guard let row = try row(id) else { continue }
      lines.append("\(id)  \(row.kind) at \(row.tier) \(row.monitor)")
    }
    if ids.count > Self.candidateLimit {
      lines.append("… and \(ids.count - Self.candidateLimit) more")
    }
    return lines
  }
}
