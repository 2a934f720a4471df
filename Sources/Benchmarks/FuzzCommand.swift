import Foundation
import Fuzzing

/// `beryl-bench fuzz [--inputs N] [--seed N] [TARGET…]`: each target in turn, in a process of its own
/// so that one that traps does not end the others.
enum FuzzCommand {
  static func run(_ arguments: [String]) throws -> Bool {
    var inputs = 100_000
    var seed: UInt64 = 1
    var names: [String] = []
    var rest = arguments[...]
    while let word = rest.popFirst() {
      switch word {
      case "--inputs":
        guard let text = rest.popFirst(), let number = Int(text), number > 0 else { return false }
        inputs = number
      case "--seed":
        guard let text = rest.popFirst(), let number = UInt64(text) else { return false }
        seed = number
      case "--child":
        guard let name = rest.popFirst() else { return false }
        return child(name, inputs: inputs, seed: seed)
      default:
        guard FuzzCatalog.names.contains(word) else {
          throw ChildProcess.Fault.failed(
            "no target \(word); there are \(FuzzCatalog.names.joined(separator: ", "))")
        }
        names.append(word)
      }
    }
    var failures = 0
    for name in names.isEmpty ? FuzzCatalog.names : names {
      if !parent(name, inputs: inputs, seed: seed) { failures += 1 }
    }
    guard failures == 0 else {
      throw ChildProcess.Fault.failed("\(failures) targets trapped, hung, grew or tested nothing")
    }
    return true
  }

  private static func parent(_ name: String, inputs: Int, seed: UInt64) -> Bool {
    let process = Process()
    process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = ["fuzz", "--inputs", "\(inputs)", "--seed", "\(seed)", "--child", name]
    do {
      try process.run()
    } catch {
      print("\(name): \(error)")
      return false
    }
    process.waitUntilExit()
    if process.terminationStatus != 0 {
      print("\(name): ended with \(process.terminationStatus), seed \(seed)")
    }
    return process.terminationStatus == 0
  }

  private static func child(_ name: String, inputs: Int, seed: UInt64) -> Bool {
    guard let result = FuzzRun.run(name, inputs: inputs, seed: seed, watches: true) else {
      return false
    }
    let micros = result.cpuSeconds / Double(max(inputs, 1)) * 1e6
    let figures = String(
      format: "%@ %12d inputs %8.1f CPU-s %7.2f µs each, %d understood, %d → %d KiB",
      name.padding(toLength: 10, withPad: " ", startingAt: 0), inputs, result.cpuSeconds, micros,
      Int(clamping: result.understood), result.earlyKiB, result.lateKiB)
    print(
      figures + (result.grew ? " GROWS" : "") + (result.understood == 0 ? " TESTS NOTHING" : ""))
    return !result.grew && result.understood > 0
  }
}
