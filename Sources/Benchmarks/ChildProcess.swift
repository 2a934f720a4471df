import Glibc

/// This program again, for one case: its CPU time and its memory peak are then that case's alone.
enum ChildProcess {
  enum Fault: Error, CustomStringConvertible {
    case cannotStart(errno: Int32)
    case failed(String)

    var description: String {
      switch self {
      case .cannotStart(let code): "cannot start a child process: error \(code)"
      case .failed(let output): "a child process failed: \(output)"
      }
    }
  }

  /// Runs one case in a child and reads what it measured.
  static func measure(_ hotCase: HotCase, path: String) throws -> Measurement {
    let output = try run(["child", hotCase.rawValue, path])
    let fields = output.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
    guard fields.count == 4 else { throw Fault.failed(output) }
    var measurement = Measurement(
      name: hotCase.rawValue, items: Int(fields[0]), unit: "packet", cpuSeconds: fields[1])
    measurement.peakKiB = Int(fields[2])
    measurement.wallSeconds = fields[3]
    return measurement
  }

  /// The child's side: measures and prints packets, CPU seconds, the peak in KiB and seconds.
  static func main(_ hotCase: HotCase, path: String) throws {
    let rules = hotCase == .signatures ? try RuleRun.load() : nil
    let measurement = try Measurement.taking(hotCase.rawValue) {
      try hotCase.run(path: path, rules: rules)
    }
    print(measurement.items, measurement.cpuSeconds, peakKiB(), measurement.wallSeconds)
  }

  /// VmHWM of `/proc/self/status`.
  private static func peakKiB() -> Int {
    guard let file = fopen("/proc/self/status", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(
        decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      guard text.hasPrefix("VmHWM:") else { continue }
      return Int(text.filter(\.isNumber)) ?? 0
    }
    return 0
  }

  private static func run(_ arguments: [String]) throws -> String {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw Fault.cannotStart(errno: errno) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawn_file_actions_addclose(&actions, ends[0])
    var words: [UnsafeMutablePointer<CChar>?] = ([CommandLine.arguments[0]] + arguments).map {
      strdup($0)
    }
    words.append(nil)
    defer { for word in words { free(word) } }
    var child: pid_t = 0
    let code = posix_spawn(&child, "/proc/self/exe", &actions, nil, words, environ)
    close(ends[1])
    defer { close(ends[0]) }
    guard code == 0 else { throw Fault.cannotStart(errno: code) }
    let output = readAll(ends[0])
    var status: Int32 = 0
    waitpid(child, &status, 0)
    guard status == 0 else { throw Fault.failed(output) }
    return output
  }

  private static func readAll(_ descriptor: Int32) -> String {
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      guard count > 0 else { return String(decoding: output, as: UTF8.self) }
      output += chunk.prefix(count)
    }
  }
}
