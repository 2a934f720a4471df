import Glibc

/// Many inputs through one target, with what went wrong made visible: a trap or a hang writes its
/// input to a file before the process ends, growth is measured.
public struct FuzzRun {
  public struct Result: Sendable {
    public var name: String
    public var inputs: Int
    public var cpuSeconds: Double
    /// Sound things that the target found: 0 says that it tested nothing.
    public var understood: UInt64
    /// Resident memory after a tenth of the inputs and at the end, in KiB.
    public var earlyKiB: Int
    public var lateKiB: Int

    /// What libraries below may have lost in between, in KiB.
    public var lostKiB: Int

    /// More than a table that fills up would take.
    public var grew: Bool { lateKiB > earlyKiB + lostKiB + max(earlyKiB / 4, 32 << 10) }
  }

  /// Seconds without an end of 256 inputs that count as a hang.
  static let hangSeconds: UInt32 = 20

  /// - Parameter watches: installs handlers that write down the input of a trap or hang.
  public static func run(
    _ name: String, inputs: Int, seed: UInt64, watches: Bool = false
  ) -> Result? {
    guard let target = FuzzCatalog.target(name) else { return nil }
    var mutator = FuzzMutator(seeds: target.seeds, tokens: target.tokens, seed: seed)
    if watches { FuzzWatch.install(name) }
    for seed in target.seeds { seed.withUnsafeBytes(target.consume) }
    let began = clock()
    var early = 0
    for number in 0..<inputs {
      if watches, number & 255 == 0 { alarm(hangSeconds) }
      if number == inputs / 10 { early = residentKiB() }
      mutator.next()
      mutator.input.withUnsafeBytes { input in
        if watches { FuzzWatch.note(input) }
        target.consume(input)
      }
    }
    alarm(0)
    return Result(
      name: name, inputs: inputs, cpuSeconds: Double(clock() - began) / 1e6,
      understood: target.understood, earlyKiB: early, lateKiB: residentKiB(),
      lostKiB: inputs * target.lossLimit / 1024)
  }

  /// The second field of `/proc/self/statm`, pages of 4 KiB.
  static func residentKiB() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var size = 0
    var pages = 0
    return withUnsafeMutablePointer(to: &size) { first in
      withUnsafeMutablePointer(to: &pages) { second in
        withVaList([first, second]) { vfscanf(file, "%ld %ld", $0) } == 2 ? second.pointee * 4 : 0
      }
    }
  }
}

/// Writes the input at hand to `fuzz-<target>.input` when a signal ends the process.
enum FuzzWatch {
  nonisolated(unsafe) private static var base: UnsafeRawPointer?
  nonisolated(unsafe) private static var count = 0
  nonisolated(unsafe) private static var path: UnsafeMutablePointer<CChar>?

  static func install(_ name: String) {
    free(path)
    path = strdup("fuzz-\(name).input")
    for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGALRM] {
      signal(number) { number in FuzzWatch.write(number) }
    }
  }

  static func note(_ input: UnsafeRawBufferPointer) {
    base = input.baseAddress
    count = input.count
  }

  /// Async-signal-safe calls only.
  private static func write(_ number: Int32) {
    if let path {
      let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
      if file >= 0, let base { _ = Glibc.write(file, base, count) }
    }
    let text: StaticString = "the input is in fuzz-<target>.input\n"
    _ = Glibc.write(2, text.utf8Start, text.utf8CodeUnitCount)
    _exit(128 + number)
  }
}
