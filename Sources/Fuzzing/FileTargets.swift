import Capture
import Glibc
import Hierarchy
import Reports
import Scenarios
import Terms

/// Bytes in a file that lives in memory, for readers of files.
struct MemoryFile: ~Copyable {
  let descriptor: Int32
  var path: String { "/proc/self/fd/\(descriptor)" }

  /// A file in memory whose name is gone as soon as it is open.
  init() {
    let name = "/dev/shm/beryl-fuzz-" + String(repeating: "X", count: 6)
    var template = Array(name.utf8CString)
    descriptor = mkstemp(&template)
    unlink(template)
  }

  deinit { close(descriptor) }

  func set(_ bytes: UnsafeRawBufferPointer) {
    ftruncate(descriptor, bytes.count)
    var at = 0
    while at < bytes.count {
      let written = pwrite(
        descriptor, bytes.baseAddress?.advanced(by: at), bytes.count - at, off_t(at))
      guard written > 0 else { return }
      at += written
    }
    lseek(descriptor, 0, SEEK_SET)
  }
}

/// Capture files: classic and pcapng.
final class CaptureTarget: FuzzTarget {
  private let file = MemoryFile()
  private var frames: UInt64 = 0

  static func classic() -> CaptureTarget {
    let frame = FuzzFrames.ethernet(0x0800, FuzzFrames.ip4(17, [0, 53, 0, 53, 0, 8, 0, 0]))
    let record: [UInt8] = [
      1, 0, 0, 0, 2, 0, 0, 0, UInt8(frame.count), 0, 0, 0, UInt8(frame.count), 0, 0, 0,
    ]
    let little: [UInt8] =
      [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0] + [UInt8](repeating: 0, count: 8) + [
        0, 0, 4, 0, 1, 0, 0, 0,
      ]
    let big: [UInt8] =
      [0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4] + [UInt8](repeating: 0, count: 8) + [
        0, 4, 0, 0, 0, 0, 0, 1,
      ]
    let bigRecord: [UInt8] = [
      0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, UInt8(frame.count), 0, 0, 0, UInt8(frame.count),
    ]
    return CaptureTarget(
      "pcap", seeds: [little + record + frame + record + frame, big + bigRecord + frame])
  }

  static func blocks() -> CaptureTarget {
    func block(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
      let padded = body + [UInt8](repeating: 0, count: (4 - body.count % 4) % 4)
      let length: [UInt8] = [UInt8(12 + padded.count), 0, 0, 0]
      return [type, 0, 0, 0] + length + padded + length
    }
    let section: [UInt8] =
      [0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0]
      + [UInt8](repeating: 0xff, count: 8) + [28, 0, 0, 0]
    let interface = block(1, [1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0])
    let frame = FuzzFrames.ethernet(0x0800, FuzzFrames.ip4(17, [0, 53, 0, 53, 0, 8, 0, 0]))
    let sizes: [UInt8] = [UInt8(frame.count), 0, 0, 0, UInt8(frame.count), 0, 0, 0]
    let packet = block(6, [0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0] + sizes + frame)
    let simple = block(3, [UInt8(frame.count), 0, 0, 0] + frame)
    return CaptureTarget(
      "pcapng",
      seeds: [
        section + interface + packet + simple,
        section + interface + interface + packet + section + interface + packet,
      ])
  }

  override func consume(_ input: UnsafeRawBufferPointer) {
    file.set(input)
    let descriptor = dup(file.descriptor)
    guard descriptor >= 0, var capture = try? CaptureFile(fileDescriptor: descriptor, name: "fuzz")
    else { return }
    var bytes = 0
    while let count = try? capture.read(
      atMost: 64, { bytes &+= $0.bytes.reduce(0) { $0 &+ Int($1) } }),
      count > 0
    { frames &+= UInt64(count) }
  }

  override var understood: UInt64 { frames }
}

/// Topology, schema and scenario texts, scans and lists of hosts.
final class TextTarget: FuzzTarget {
  enum Kind { case topology, schema, scenario, inventory }

  private let kind: Kind
  private let file = MemoryFile()
  private var sound: UInt64 = 0

  init(_ kind: Kind) {
    self.kind = kind
    let tokens = [
      "*", "&a ", "[", "]", "{", "}", ": ", "- ", "\n", "tier", "10.0.0.0/8", "-1", "1e99", "1s",
      "64MiB", "!!str ", "? ", "|", "\u{feff}", "<table key=\"", "</", "\"\"", "&#xa;", "<![CDATA[",
    ]
    super.init("\(kind)", seeds: Self.seeds(kind).map { Array($0.utf8) }, tokens: tokens)
  }

  private static func seeds(_ kind: Kind) -> [String] {
    let schema =
      "{attack: \"17.1\", comparisons: {by-pair: {sources: {measure: overlap, expected: 0.8, least: 0.3}}}, "
      + "kinds: {recon.port-scan: {class: detection, techniques: [T1046], severity: 4, fields: {shape: text}, correlate: by-pair}}}"
    switch kind {
    case .topology:
      return [
        "beryl: 1\nenterprise: e\nschema: \(schema)\nnetwork: {s: {prefixes: [10.0.0.0/8], gateway: 10.0.0.1}}\nassets: {w: {segment: s, addresses: [10.0.0.2], value: 5, services: [tcp/80]}}\nmonitors: {e: {tier: enterprise, listen: \"127.0.0.1:1\"}, s: {tier: local, segment: s, parents: [e], capture: {interface: eth1}}}\nsubscriptions: {e: {budget: 5/s}}\ndefaults: {}\n",
        "beryl: 1\nmonitors:\n  a: {tier: domain, parents: [b]}\n  b: {tier: domain, parents: [a]}\n",
      ]
    case .schema: return [schema]
    case .inventory: return inventories
    case .scenario:
      return [
        "scenario: s\ntopology: t.yaml\ncaptures: {a: a.pcap, b: {file: b.pcap, offset: 5s}}\nspeed: 10x\nexpect: [{kind: recon.port-scan, tier: local, sources: {atLeast: 3}, within: 60s}]\nforbid: [{kind: dos.*}]\n"
      ]
    }
  }

  private static let inventories = [
    "address,service,product,version,os,cve\r\n10.0.0.2,tcp/80,\"Apache, httpd\",2.4.49,linux,CVE-2021-41773 CVE-2021-42013\r\n",
    "<?xml version=\"1.0\"?><!DOCTYPE nmaprun><nmaprun><scaninfo protocol=\"tcp\" services=\"1-99\"/><host><status state=\"up\"/><address addr=\"10.0.0.2\" addrtype=\"ipv4\"/><ports><extraports state=\"closed\" count=\"98\"><extrareasons proto=\"tcp\" ports=\"1-79,81-99\"/></extraports><port protocol=\"tcp\" portid=\"80\"><state state=\"open\"/><service name=\"http\" product=\"Apache httpd\" ostype=\"Linux\"><cpe>cpe:/a:a:b</cpe></service><script id=\"a\" output=\"State: VULNERABLE CVE-2014-6271\"><table key=\"x\"><elem key=\"state\">VULNERABLE</elem><table key=\"ids\"><elem>CVE:CVE-2014-6271</elem></table></table></script></port></ports><os><osmatch accuracy=\"96\"><osclass osfamily=\"Linux\"/></osmatch></os></host></nmaprun>",
  ]

  override func consume(_ input: UnsafeRawBufferPointer) {
    switch kind {
    case .inventory:
      var inventory = Inventory()
      var log = FaultLog(file: "hosts")
      inventory.read(Array(input), &log)
      if log.faults.isEmpty, !inventory.hosts.isEmpty { sound &+= 1 }
    case .topology:
      if (try? Topology.parse(Array(input), path: "t.yaml", knownLimits: [])) != nil { sound &+= 1 }
    case .schema:
      file.set(input)
      if (try? Schema.load(path: file.path)) != nil { sound &+= 1 }
    case .scenario:
      file.set(input)
      do throws(ScenarioFaults) {
        _ = try Scenario.load(path: file.path, knownLimits: [])
        sound &+= 1
      } catch {
        if error.faults.count == 1 { sound &+= 1 }
      }
    }
  }

  override var understood: UInt64 { sound }

  /// Foundation's parser does not give back all of a broken document: about 300 bytes, measured.
  override var lossLimit: Int { kind == .inventory ? 512 : 0 }
}
