import Analysis
import Reports
import Terms

/// The state of a lane as it stood when everything up to a place of the inbox was taken in.
public struct Checkpoint: Sendable, Hashable {
  /// `sealed` bytes.
  public var bytes: [UInt8]
  /// Places of the newest rows of inbox and outbox that the state holds.
  public var received: Int64
  public var produced: Int64

  public init(bytes: [UInt8], received: Int64, produced: Int64) {
    self.bytes = bytes
    self.received = received
    self.produced = produced
  }
}

extension Checkpoint {
  private static let magic = Array("BerylState".utf8)
  /// Of the coding; raise it when a field means something else than before. A field more or less
  /// shows by itself.
  public static let version: UInt16 = 2

  /// A state with version, `site` and checksum around it.
  /// - Parameter site: a digest of what the state does not hold and still depends on: topology,
  ///   limits, schema.
  public static func seal(_ state: [UInt8], site: UInt64) -> [UInt8] {
    var writer = StateWriter()
    for byte in magic { writer.put(byte) }
    writer.put(version)
    writer.put(site)
    let bytes = writer.bytes + state
    var end = StateWriter()
    end.put(bytes.fnv1a)
    return bytes + end.bytes
  }

  /// The state within `bytes`; a located fault where they are damaged or of another version or site.
  public static func open(_ bytes: [UInt8], site: UInt64) throws(StateFault) -> [UInt8] {
    guard bytes.starts(with: magic) else { throw StateFault("no checkpoint", at: 0) }
    var reader = StateReader(bytes, from: magic.count)
    let found = try reader.integer(UInt16.self)
    guard found == version else {
      throw StateFault("version \(found) where \(version) is known", at: magic.count)
    }
    let foundSite = try reader.integer(UInt64.self)
    guard bytes.count >= reader.offset + 8 else {
      throw StateFault("it ends early", at: bytes.count)
    }
    var end = StateReader(bytes, from: bytes.count - 8)
    guard try end.integer(UInt64.self) == bytes.dropLast(8).fnv1a else {
      throw StateFault("the checksum does not fit: it is damaged", at: bytes.count - 8)
    }
    guard foundSite == site else {
      throw StateFault("the topology, its limits or directives have changed since", at: 12)
    }
    return Array(bytes[reader.offset..<bytes.count - 8])
  }
}

/// Why a lane has no checkpoint.
public enum CheckpointFault: Error, Sendable, CustomStringConvertible {
  /// An engine whose state cannot be kept.
  case mute(engine: String)
  /// The engines are not those that the state is of.
  case otherEngines(expected: String, found: String)

  public var description: String {
    switch self {
    case .mute(let engine): "\(engine) has no state that can be kept"
    case .otherEngines(let expected, let found): "a state of \(found) where \(expected) is due"
    }
  }
}

extension CorrelationLane {
  /// Everything that the lane's future depends on, but for what comes from the topology.
  public func state() throws -> [UInt8] {
    let encoder = StateEncoder()
    for engine in engines {
      let name = "\(type(of: engine))"
      guard let engine = engine as? any Encodable else { throw CheckpointFault.mute(engine: name) }
      try encoder.encode(name)
      try encoder.encode(engine)
    }
    try encoder.encode(resolver)
    try encoder.encode(pending)
    try encoder.encode(children.mapValues(\.watermark))
    try encoder.encode(conduct)
    try encoder.encode(coverage)
    try encoder.encode(lastEvent)
    try encoder.encode(watermark)
    try encoder.encode(lateCount)
    return encoder.bytes
  }

  /// Takes up a state. Every child is taken to be alive: its lease tells otherwise in time. What is
  /// thrown leaves the lane as it was.
  public mutating func restore(_ bytes: [UInt8]) throws {
    let decoder = StateDecoder(bytes, userInfo: facts)
    var restored = self
    for index in engines.indices {
      let expected = "\(type(of: engines[index]))"
      let found = try decoder.decode(String.self)
      guard found == expected else {
        throw CheckpointFault.otherEngines(expected: expected, found: found)
      }
      restored.engines[index] = try Self.restored(engines[index], from: decoder)
    }
    restored.resolver = try decoder.decode()
    restored.pending = try decoder.decode()
    let watermarks = try decoder.decode([MonitorName: CaptureTime].self)
    restored.conduct = try decoder.decode()
    restored.coverage = try decoder.decode()
    restored.lastEvent = try decoder.decode()
    restored.watermark = try decoder.decode()
    restored.lateCount = try decoder.decode()
    guard decoder.isAtEnd else { throw decoder.fault("more than belongs there") }
    for (child, time) in watermarks { restored.children[child] = Child(watermark: time) }
    restored.countHolders()
    restored.countWaiting()
    restored.askDeadlines()
    self = restored
  }

  private static func restored(
    _ engine: any AnalysisEngine<Report>, from decoder: StateDecoder
  ) throws -> any AnalysisEngine<Report> {
    guard let type = type(of: engine) as? any Decodable.Type,
      let restored = try decoder.decode(type) as? any AnalysisEngine<Report>
    else { throw CheckpointFault.mute(engine: "\(type(of: engine))") }
    return restored
  }
}
