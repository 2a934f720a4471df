import Fuzzing
import Testing

/// A small share of what `make fuzz` does, from a seed that stays.
struct FuzzTests {
  @Test(arguments: FuzzCatalog.names) func hostileBytesNeitherTrapNorHang(name: String) throws {
    let isText = ["topology", "schema", "scenario", "inventory"].contains(name)
    let result = try #require(FuzzRun.run(name, inputs: isText ? 300 : 4000, seed: 20_261_125))
    #expect(result.understood > 0, "the seeds of \(name) mean nothing to it")
  }

  @Test func aSeedGivesTheSameInputs() throws {
    let one = try #require(FuzzRun.run("frames", inputs: 2000, seed: 5))
    let other = try #require(FuzzRun.run("frames", inputs: 2000, seed: 5))
    #expect(one.understood == other.understood)
  }
}
