import Dispatch
import Glibc
import Hierarchy
import Links
import Monitoring
import Reports
import Synchronization
import Terms
import Tiers

/// Five million reports of one hostile child, two honest ones beside it, over TLS into a monitor that
/// ships: how long it takes, what it costs in memory and on disk, and what the others notice.
enum FloodBenchmark {
  private static let reportCount: UInt64 = 5_000_000
  /// Of each honest child, and how often.
  private static let reportsPerTurn = 2
  private static let turnMilliseconds: UInt32 = 100

  enum Fault: Error, CustomStringConvertible {
    case failed(String)

    var description: String {
      switch self {
      case .failed(let reason): reason
      }
    }
  }

  /// Event time is the host's.
  static func now() -> CaptureTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return CaptureTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  /// `schema` is the folder with `schema.yaml`; `count` reports of the hostile child.
  static func run(schema folder: String, count: UInt64?) throws {
    let work = "/tmp/beryl-bench-\(getpid())-flood"
    mkdir(work, 0o700)
    let port = 20_000 + Int(getpid()) % 20_000
    let path = work + "/topology.yaml"
    try write(text(schema: try absolute(folder + "/schema.yaml"), port: port), to: path)
    let topology = try loadTopology(path)
    try PKI.issue(
      topology.monitors.map { PKI.Subject(name: $0.name, tier: $0.tier, hosts: ["127.0.0.1"]) },
      into: work + "/pki")
    let monitor = try start(work, topology: path)
    defer {
      kill(monitor, SIGTERM)
      var status: Int32 = 0
      waitpid(monitor, &status, 0)
    }
    let children = topology.monitors.filter { $0.tier == .local }.map { definition in
      FloodChild(
        name: definition.name, schema: topology.schema, port: port,
        total: definition.name.text == "dmz" ? count ?? reportCount : 0)
    }
    guard let hostile = children.first(where: { $0.name.text == "dmz" }) else { return }
    let honest = children.filter { $0.name != hostile.name }
    let watch = FloodWatch(port: port)
    try link(honest, work)
    try watch.connect(pki: work + "/pki")
    // What the honest ones notice when nobody floods.
    turns(honest, watch, until: { $0 >= 50 })
    let quiet = honest.flatMap(\.delays).sorted()
    let began = DispatchTime.now().uptimeNanoseconds
    try link([hostile], work)
    turns(honest, watch, until: { _ in hostile.isDone })
    let seconds = Double(DispatchTime.now().uptimeNanoseconds - began) / 1e9
    let busy = honest.flatMap { $0.delays.dropFirst(0) }.sorted()
    if let fault = hostile.fault { throw Fault.failed("the hostile child: \(fault)") }
    // Until the flood's epochs are over and told of; its child falls silent meanwhile.
    turns(honest, watch, until: { $0 >= 150 })
    print(
      """
      | 5 M reports of one hostile child | |
      |---|---|
      | reports sent, and host time | \(hostile.sent) in \(short(seconds)) s |
      | not taken (`intake.shed`) | \(watch.shed) |
      | others' delay to the acknowledgement without it | \(spread(quiet)) |
      | … while it floods | \(spread(busy)) |
      | event time behind the clock, at most | \(short(watch.worstLag)) s |
      | reported | \(watch.floodReport) |
      | peak memory of the parent | \(peak(monitor) / 1024) MiB |
      | its archive | \(size(work + "/state") >> 20) MiB |

      """)
  }

  /// Everybody's turn, ten times a second.
  private static func turns(
    _ honest: [FloodChild], _ watch: FloodWatch, until isOver: (Int) -> Bool
  ) {
    var turn = 0
    while !isOver(turn) {
      for child in honest {
        child.tell(reportsPerTurn)
        child.promise()
      }
      if turn.isMultiple(of: 5) { watch.ask() }
      usleep(turnMilliseconds * 1000)
      turn += 1
    }
  }

  private static func link(_ children: [FloodChild], _ work: String) throws {
    for child in children { try child.connect(pki: work + "/pki") }
    for _ in 0..<200 where !children.allSatisfy(\.isLinked) {
      usleep(100_000)
      for child in children { child.redial() }
    }
    guard children.allSatisfy(\.isLinked) else {
      throw Fault.failed("no link: \(children.compactMap(\.fault))")
    }
  }

  private static func text(schema: String, port: Int) -> String {
    """
    beryl: 1
    enterprise: acme
    schema: \(schema)
    network:
      dmz: { prefixes: [10.1.1.0/24], gateway: 10.1.1.1 }
      office: { prefixes: [10.1.2.0/24], gateway: 10.1.2.1 }
      servers: { prefixes: [10.1.3.0/24], gateway: 10.1.3.1 }
    monitors:
      acme: { tier: enterprise, listen: "127.0.0.1:\(port)" }
      dmz: { tier: local, segment: dmz, parents: [acme] }
      office: { tier: local, segment: office, parents: [acme] }
      servers: { tier: local, segment: servers, parents: [acme] }

    """
  }

  // MARK: The monitor under test

  private static func start(_ work: String, topology: String) throws -> pid_t {
    var path = [CChar](repeating: 0, count: 4096)
    let length = readlink("/proc/self/exe", &path, path.count - 1)
    guard length > 0 else { throw Fault.failed("no own path") }
    let own = String(decoding: path.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
    let program =
      own.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/") + "/beryl-enterprise"
    let words = [
      program, "--topology", topology, "--monitor", "acme", "--state", work + "/state", "--pki",
      work + "/pki", "--log-level", "error",
    ]
    var list: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for word in list { free(word) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, program, nil, nil, &list, environ)
    guard code == 0 else {
      throw Fault.failed("\(program) cannot be started (error \(code)): build it first")
    }
    return process
  }

  // MARK: Figures

  private static func spread(_ sorted: [Double]) -> String {
    guard let last = sorted.last else { return "none" }
    let (middle, late) = (sorted[sorted.count / 2], sorted[sorted.count * 99 / 100])
    return
      "median \(short(middle * 1000)), 99 % \(short(late * 1000)), most \(short(last * 1000)) ms"
  }

  private static func short(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

  /// KiB.
  private static func peak(_ process: pid_t) -> Int {
    guard let file = fopen("/proc/\(process)/status", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(
        decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      if text.hasPrefix("VmHWM:") { return Int(text.filter(\.isNumber)) ?? 0 }
    }
    return 0
  }

  private static func size(_ folder: String) -> Int {
    ["acme.sqlite", "acme.sqlite-wal"].reduce(0) { sum, name in
      guard let file = fopen("\(folder)/\(name)", "r") else { return sum }
      defer { fclose(file) }
      fseek(file, 0, SEEK_END)
      return sum + ftell(file)
    }
  }

  private static func absolute(_ path: String) throws -> String {
    guard let found = realpath(path, nil) else { throw Fault.failed("\(path): not there") }
    defer { free(found) }
    return String(cString: found)
  }

  private static func write(_ text: String, to path: String) throws {
    guard let file = fopen(path, "w") else { throw Fault.failed("\(path): cannot be written") }
    fputs(text, file)
    fclose(file)
  }
}
