import CPcap
import Capture
import Flows
import Packets
import Signatures
import Terms
import Tiers

/// How far packets go in one run of the hot path.
enum HotCase: String, CaseIterable {
  case libpcap = "pcap_next_ex"
  case reader
  case decode = "reader + decode"
  case flows = "… + flows and sessions"
  case flowDetectors = "… + flow detectors"
  case detectors = "… + all detectors"
  case workers = "… on 2 workers"
  case signatures = "… + signatures"

  /// Frames lent per call, as the local monitor reads a file.
  private static let batch = PipelineSource.framesPerPiece

  /// Runs the capture at `path` through; returns the number of packets.
  func run(path: String, rules: SignatureSet? = nil) throws -> Int {
    switch self {
    case .libpcap: try Self.countWithLibpcap(path)
    case .reader: try Self.countFrames(path)
    case .decode: try Self.countDecoded(path)
    case .flows: try Self.countFlows(path)
    case .flowDetectors: try DetectorRun.count(path, batch: Self.batch, readsSessions: false)
    case .detectors: try DetectorRun.count(path, batch: Self.batch, readsSessions: true)
    case .workers:
      try DetectorRun.count(path, batch: Self.batch, readsSessions: true, workers: 2)
    case .signatures:
      try DetectorRun.count(path, batch: Self.batch, readsSessions: true, rules: rules)
    }
  }

  private static func countWithLibpcap(_ path: String) throws -> Int {
    var text = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
    guard let handle = pcap_open_offline(path, &text) else {
      // The reader's own fault says it better; libpcap reads no compressed files.
      _ = try countFrames(path)
      throw ChildProcess.Fault.failed("libpcap cannot read \(path)")
    }
    defer { pcap_close(handle) }
    var header: UnsafeMutablePointer<pcap_pkthdr>?
    var bytes: UnsafePointer<UInt8>?
    var packets = 0
    while pcap_next_ex(handle, &header, &bytes) == 1 { packets += 1 }
    return packets
  }

  private static func countFrames(_ path: String) throws -> Int {
    var file = try CaptureFile(path: path)
    var packets = 0
    var bytes: UInt64 = 0
    while true {
      let count = try file.read(atMost: batch) { bytes &+= UInt64($0.wireLength) }
      guard count > 0 else { return packets }
      packets += count
    }
  }

  private static func countDecoded(_ path: String) throws -> Int {
    var file = try CaptureFile(path: path)
    var packets: UInt64 = 0
    var packet = Packet()
    var malformed = MalformationCounts()
    while true {
      let count = try file.read(atMost: batch) { frame in
        PacketDecoder.decode(
          frame.bytes, linkType: frame.linkType, wireLength: frame.wireLength, time: frame.time,
          index: packets, into: &packet)
        packets &+= 1
        if !packet.malformations.isEmpty { malformed.count(packet.malformations) }
      }
      guard count > 0 else { return Int(packets) }
    }
  }

  private static func countFlows(_ path: String) throws -> Int {
    var file = try CaptureFile(path: path)
    var engine = FlowEngine()
    var events = 0
    while true {
      let count = try file.read(atMost: batch) { frame in
        engine.take(
          frame.bytes, linkType: frame.linkType, wireLength: frame.wireLength, time: frame.time)
      }
      guard count > 0 else { break }
      if engine.needsDrain {
        events += engine.events.count + engine.sessionEvents.count
        engine.clearEvents()
        engine.clearSessionEvents()
      }
    }
    while !engine.finish(closing: batch) {
      events += engine.events.count + engine.sessionEvents.count
      engine.clearEvents()
      engine.clearSessionEvents()
    }
    return Int(engine.statistics.packets)
  }
}
