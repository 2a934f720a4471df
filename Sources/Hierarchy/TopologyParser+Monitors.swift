import Terms

/// A monitor as read, with the places that relations are told at.
struct ParsedMonitor {
  var definition: MonitorDefinition
  var position: Position
  /// The tier could not be read: rules about tiers do not apply.
  var tierIsKnown: Bool
  /// `listen` is there, readable or not.
  var namesListen: Bool
  /// False when `parents` or `peers` could not be read: there may be more.
  var relationsAreKnown: Bool
  var parents: [TopologyParser.Placed<MonitorName>]
  var peers: [TopologyParser.Placed<MonitorName>]
  var sockets: [TopologyParser.Placed<ListenAddress>]
}

/// Monitors, one by one.
extension TopologyParser {
  private static let keys = [
    "tier", "segment", "parents", "peers", "listen", "console", "capture", "limits",
    "rules",
  ]

  mutating func readMonitors(_ value: YAMLValue) {
    let entries = log.entries(value)
    if entries.isEmpty, log.faults.isEmpty {
      log.add(value.position, .missingKey("a monitor", of: "monitors"))
    }
    for entry in entries {
      guard let name = MonitorName(entry.key) else {
        log.add(entry.keyPosition, .malformed(entry.key, .name))
        continue
      }
      monitors.append(monitor(name, entry))
    }
  }

  private mutating func monitor(_ name: MonitorName, _ entry: YAMLValue.Entry) -> ParsedMonitor {
    let fields = log.fields(
      entry.value, of: "monitor '\(name)'", keys: Self.keys, at: entry.keyPosition)
    let tier = log.choice(
      log.required("tier", fields), of: Tier.allCases.map(\.rawValue), role: .tier
    ).flatMap(Tier.init(rawValue:))
    let segment = segmentName(fields, tier, name)
    let before = log.faults.count
    let parents = names(fields["parents"])
    let peers = names(fields["peers"])
    let relationsAreKnown = log.faults.count == before
    let listen = socket(fields["listen"])
    let console = socket(fields["console"])
    var capture: CaptureSettings?
    if let value = fields["capture"] {
      if let tier, tier != .local, let position = fields.keyPosition("capture") {
        log.add(position, .misplacedKey("capture", of: "a monitor of tier \(tier.rawValue)"))
      }
      capture = self.capture(value, of: name)
    }
    let limits = fields["limits"].map { readLimits($0, of: "monitor '\(name)'") } ?? [:]
    return ParsedMonitor(
      definition: MonitorDefinition(
        name: name, tier: tier ?? .domain, segment: segment, parents: parents.map(\.value),
        peers: peers.map(\.value), listen: listen?.value, console: console?.value,
        capture: capture, limits: limits, rules: rules(fields, tier)),
      position: entry.keyPosition, tierIsKnown: tier != nil, namesListen: fields["listen"] != nil,
      relationsAreKnown: relationsAreKnown, parents: parents, peers: peers,
      sockets: [listen, console].compactMap { $0 })
  }

  private mutating func rules(_ fields: YAMLFields, _ tier: Tier?) -> [String] {
    guard let value = fields["rules"] else { return [] }
    if let tier, tier != .local, let position = fields.keyPosition("rules") {
      log.add(position, .misplacedKey("rules", of: "a monitor of tier \(tier.rawValue)"))
    }
    return log.items(value).compactMap { item in
      log.read(item, as: .text) { (1...4096).contains($0.count) ? $0 : nil }
    }
  }

  private mutating func segmentName(
    _ fields: YAMLFields, _ tier: Tier?, _ name: MonitorName
  ) -> String? {
    guard let value = fields["segment"] else {
      if tier == .local { log.add(fields.position, .noSegment(name.text)) }
      return nil
    }
    if let tier, tier != .local, let position = fields.keyPosition("segment") {
      log.add(position, .misplacedKey("segment", of: "a monitor of tier \(tier.rawValue)"))
    }
    return log.choice(value, of: segments.map(\.value.name), role: .segment)
  }

  private mutating func names(_ value: YAMLValue?) -> [Placed<MonitorName>] {
    var seen: Set<MonitorName> = []
    return log.items(value).compactMap { item in
      guard let name = log.read(item, as: .name, MonitorName.init) else { return nil }
      guard seen.insert(name).inserted else {
        log.add(item.position, .repeatedName(name.text))
        return nil
      }
      return Placed(value: name, position: item.position)
    }
  }

  private mutating func socket(_ value: YAMLValue?) -> Placed<ListenAddress>? {
    guard let value, let address = log.read(value, as: .listen, ListenAddress.init) else {
      return nil
    }
    return Placed(value: address, position: value.position)
  }

  private mutating func capture(_ value: YAMLValue, of name: MonitorName) -> CaptureSettings {
    let fields = log.fields(
      value, of: "the capture of '\(name)'",
      keys: ["interface", "filter", "snap-length", "promiscuous", "buffer"])
    func text(_ text: String) -> String? { (1...1024).contains(text.count) ? text : nil }
    let interface = log.read(log.required("interface", fields), as: .text, text)
    let snapLength = log.quantity(fields["snap-length"], as: .bytes, Quantity.bytes)
    check(snapLength, fields["snap-length"], in: CaptureSettings.snapLengths)
    let buffer = log.quantity(fields["buffer"], as: .bytes, Quantity.bytes)
    check(buffer, fields["buffer"], in: CaptureSettings.buffers)
    return CaptureSettings(
      interface: interface ?? "", filter: log.read(fields["filter"], as: .text, text),
      snapLength: snapLength ?? CaptureSettings.standardSnapLength,
      promiscuous: log.read(fields["promiscuous"], as: .boolean, Self.boolean) ?? true,
      bufferBytes: buffer ?? CaptureSettings.standardBufferBytes)
  }

  private mutating func check(_ bytes: Int?, _ value: YAMLValue?, in range: ClosedRange<Int>) {
    guard let bytes, let value, !range.contains(bytes) else { return }
    log.add(
      value.position,
      .outOfRange("\(bytes) bytes", range: "\(range.lowerBound)…\(range.upperBound)"))
  }
}
