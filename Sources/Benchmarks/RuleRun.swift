import Glibc
import Signatures
import Tiers

/// The rule files of the benchmark, and what it costs to make them ready.
enum RuleRun {
  /// Where the program tells its children what rules to load: `FILE:FOLDER`.
  private static let variable = "BERYL_BENCH_RULES"

  /// Cases run with these rules from now on, here and in children.
  static func announce(file: String, cache: String) { setenv(variable, "\(file):\(cache)", 1) }

  static var isAnnounced: Bool { getenv(variable) != nil }

  private static func loading() -> RuleLoading? {
    guard let value = getenv(variable).map({ String(cString: $0) }),
      let colon = value.lastIndex(of: ":")
    else { return nil }
    return RuleLoading(
      paths: [String(value[..<colon])], variables: RuleVariables(),
      cacheDirectory: String(value[value.index(after: colon)...]))
  }

  static func load() throws -> SignatureSet? { try loading()?.load().rules }

  /// Compiles the rules into an empty cache, then takes them out of it.
  static func measure(file: String, cache: String) throws {
    announce(file: file, cache: cache)
    var count = 0
    let first = try Measurement.taking("compiled") {
      count = try load()?.count ?? 0
      return count
    }
    let second = try Measurement.taking("cached") { try load()?.count ?? 0 }
    print("Rules \(file): \(count)")
    for measurement in [first, second] {
      let milliseconds = Int((measurement.cpuSeconds * 1000).rounded())
      print("\(measurement.name)\t\(milliseconds) ms CPU")
    }
    print("")
  }
}
