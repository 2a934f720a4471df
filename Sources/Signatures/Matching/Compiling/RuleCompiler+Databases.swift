import CHyperscan
import Glibc

/// Contents to Hyperscan databases: one for each scan point and bank that has any.
extension RuleCompiler {
  mutating func finishPoints() throws(SignatureFault) {
    for point in points { draft.scans.append(try record(of: point)) }
    try finishBanks()
  }

  mutating func record(of point: PointDraft) throws(SignatureFault) -> ScanRecord {
    var record = ScanRecord()
    record.always = draft.list(point.always)
    let patterns = point.rules.sorted { Self.precedes($0.key, $1.key) }
    let start = draft.patternRules.count
    for (_, rules) in patterns { draft.patternRules.append(draft.list(rules)) }
    record.patterns = Span(start..<draft.patternRules.count)
    record.shortest = Int64(patterns.map(\.key.bytes.count).min() ?? 0)
    if !patterns.isEmpty {
      let database = try Self.database(patterns.map(\.key))
      record.databaseStart = Int64(draft.databases.count)
      record.databaseCount = Int64(database.count)
      draft.databases += database
    }
    return record
  }

  private static func precedes(_ left: PointDraft.Pattern, _ right: PointDraft.Pattern) -> Bool {
    if left.ignoresCase != right.ignoresCase { return right.ignoresCase }
    return left.bytes.lexicographicallyPrecedes(right.bytes)
  }

  /// Serialised; a pattern's id is its place.
  private static func database(_ patterns: [PointDraft.Pattern]) throws(SignatureFault) -> [UInt8] {
    // One block for all contents, so that nothing is allocated for each of them.
    var pool: [CChar] = []
    var places: [Int] = []
    for pattern in patterns {
      places.append(pool.count)
      pool.append(contentsOf: pattern.bytes.map { CChar(bitPattern: $0) })
      pool.append(0)
    }
    let flags = patterns.map {
      UInt32(HS_FLAG_SINGLEMATCH) | ($0.ignoresCase ? UInt32(HS_FLAG_CASELESS) : 0)
    }
    let lengths = patterns.map(\.bytes.count)
    let ids = patterns.indices.map { UInt32($0) }
    var database: OpaquePointer?
    var fault: UnsafeMutablePointer<hs_compile_error_t>?
    let result = pool.withUnsafeBufferPointer { pool in
      let expressions = places.map { place in pool.baseAddress.map { $0 + place } }
      return hs_compile_lit_multi(
        expressions, flags, ids, lengths, UInt32(patterns.count), UInt32(HS_MODE_BLOCK), nil,
        &database, &fault)
    }
    guard result == HS_SUCCESS, let database else {
      let reason = fault.map { String(cString: $0.pointee.message) } ?? "error \(result)"
      if let fault { hs_free_compile_error(fault) }
      throw .patterns(reason)
    }
    defer { hs_free_database(database) }
    var bytes: UnsafeMutablePointer<CChar>?
    var count = 0
    guard hs_serialize_database(database, &bytes, &count) == HS_SUCCESS, let bytes else {
      throw .patterns("no memory")
    }
    defer { free(bytes) }
    return Array(UnsafeRawBufferPointer(start: bytes, count: count))
  }
}
