import Foundation
import Signatures
import Testing

@testable import Tiers

/// Rules in a folder of their own, and a cache for them.
private struct Bench {
  let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "beryl-rules-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try write("alert udp any any -> any any (msg:\"first\"; content:\"abc\"; sid:1; rev:2;)\n")
  }

  func write(_ text: String) throws {
    try text.write(toFile: folder + "/test.rules", atomically: true, encoding: .utf8)
  }

  func load(_ variables: RuleVariables = RuleVariables()) throws -> (
    rules: SignatureSet, notes: [String]
  ) {
    try RuleLoading(
      paths: [folder + "/test.rules"], variables: variables, cacheDirectory: folder + "/cache"
    ).load()
  }

  func cached() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder + "/cache").sorted()
  }

  func remove() { try? FileManager.default.removeItem(atPath: folder) }
}

struct RuleLoadingTests {
  @Test func rulesAreCompiledOnceAndThenComeFromTheCache() throws {
    let bench = try Bench()
    defer { bench.remove() }
    let first = try bench.load()
    #expect(first.notes == ["1 rules"])
    let second = try bench.load()
    #expect(second.notes == ["1 rules, from the cache"])
    #expect(second.rules.description(of: 0).message == "first")
    #expect(second.rules.description(of: 0).revision == 2)
    #expect(try bench.cached().count == 1)
  }

  @Test func changedRulesAndVariablesAreCompiledAnew() throws {
    let bench = try Bench()
    defer { bench.remove() }
    _ = try bench.load()
    var variables = RuleVariables()
    variables.set("HOME_NET", to: "192.0.2.0/24")
    #expect(try bench.load(variables).notes == ["1 rules"])
    try bench.write("alert udp any any -> any any (msg:\"other\"; content:\"abc\"; sid:1;)\n")
    #expect(try bench.load().rules.description(of: 0).message == "other")
    #expect(try bench.cached().count == 3)
  }

  @Test func everyWriteChangesTheStamp() throws {
    let bench = try Bench()
    defer { bench.remove() }
    let paths = [bench.folder + "/test.rules"]
    let later = Date(timeIntervalSinceNow: 60)
    let stamp = try #require(RuleStamp(paths, context: "a", now: later))
    #expect(RuleStamp(paths, context: "a", now: later) == stamp)
    #expect(RuleStamp(paths, context: "b", now: later) != stamp)
    #expect(RuleStamp(paths, context: "a") == nil, "just written")
    #expect(RuleStamp(paths + [bench.folder + "/none"], context: "a", now: later) == nil)
    try bench.write("alert udp any any -> any any (msg:\"third\"; content:\"abc\"; sid:1;)\n")
    #expect(RuleStamp(paths, context: "a", now: later) != stamp)
  }

  @Test func aStampLeadsToTheDigestThatWasKeptUnderIt() throws {
    let bench = try Bench()
    defer { bench.remove() }
    _ = try bench.load()
    let cache = RuleCache(directory: bench.folder + "/cache")
    let stamp = try #require(
      RuleStamp(
        [bench.folder + "/test.rules"], context: "", now: Date(timeIntervalSinceNow: 60)))
    #expect(cache.digest(under: stamp) == nil)
    let digest = String(repeating: "0a", count: 16)
    cache.keep(digest, under: stamp)
    #expect(cache.digest(under: stamp) == digest)
    cache.keep("../" + digest.dropFirst(3), under: stamp)
    #expect(cache.digest(under: stamp) == nil)
  }

  @Test func aDamagedCacheIsNoticedAndReplaced() throws {
    let bench = try Bench()
    defer { bench.remove() }
    _ = try bench.load()
    let path = bench.folder + "/cache/" + (try bench.cached()[0])
    let sound = try Data(contentsOf: URL(filePath: path))
    var damaged = sound
    damaged[sound.count / 2] ^= 1
    for bad in [damaged, sound.prefix(100), Data(), Data(sound.dropFirst())] {
      try bad.write(to: URL(filePath: path))
      let loaded = try bench.load()
      #expect(loaded.notes.count == 2, "\(loaded.notes)")
      #expect(loaded.notes.last == "1 rules")
      #expect(try bench.load().notes == ["1 rules, from the cache"])
    }
  }
}
