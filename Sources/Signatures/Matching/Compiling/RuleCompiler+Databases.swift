import CHyperscan
import Glibc

/// Contents to Hyperscan databases: one for each family of scan points, and of banks, that has any.
extension RuleCompiler {
  mutating func finishPoints() throws(SignatureFault) {
    draft.scans = Array(repeating: ScanRecord(), count: points.count)
    var isDone = [Bool](repeating: false, count: points.count)
    for family in ScanPoint.families {
      for (point, record) in zip(family, try records(of: family.map { points[$0] })) {
        draft.scans[point] = record
        isDone[point] = true
      }
    }
    for place in points.indices where !isDone[place] {
      if let record = try records(of: [points[place]]).first { draft.scans[place] = record }
    }
    narrowPayload()
    try finishBanks()
  }

  /// Of the contents of a database of payload, those that matter at a point: by them few bytes are let
  /// go without a search.
  private mutating func narrowPayload() {
    for family in ScanPoint.payloadKinds {
      let contents = Set(family.flatMap { points[$0].rules.keys })
      let tails = contents.isEmpty ? -1 : Int64(draft.tails.count)
      if tails >= 0 { draft.tails += ContentTails.table(contents.lazy.map(\.bytes)) }
      for place in family {
        draft.scans[place].shortest = Int64(contents.map(\.bytes.count).min() ?? 0)
        draft.scans[place].tails = tails
        if contents.isEmpty { draft.scans[place].databaseCount = 0 }
      }
    }
  }

  /// Scan points whose bytes are searched for the contents of all of them at once: they share a
  /// database, and each has its own rules for every pattern of it.
  mutating func records(of points: [PointDraft]) throws(SignatureFault) -> [ScanRecord] {
    let patterns = Set(points.flatMap(\.rules.keys)).sorted(by: Self.precedes)
    var record = ScanRecord()
    record.shortest = Int64(patterns.map(\.bytes.count).min() ?? 0)
    if !patterns.isEmpty {
      let database = try Self.database(patterns)
      record.databaseStart = Int64(draft.databases.count)
      record.databaseCount = Int64(database.count)
      draft.databases += database
    }
    return points.map { point in
      record.always = draft.list(point.always)
      let start = draft.patternRules.count
      for pattern in patterns {
        draft.patternRules.append(draft.list(point.rules[pattern] ?? []))
      }
      record.patterns = Span(start..<draft.patternRules.count)
      return record
    }
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
