import Reports
import Terms

/// Reads a topology from YAML values and checks it against every rule; faults collect in `log` and
/// `otherFaults`.
///
/// First each section is read by itself, then the relations between them are checked. What is
/// faulty keeps a stand-in where the rest can be checked with it, so that one fault does not cause
/// a second one elsewhere.
struct TopologyParser {
  var log: FaultLog
  /// Those of the files that it names, in this order.
  var otherFaults: [TopologyFault] = []
  let limits: [String: EngineLimit]
  let path: String

  var schema: Schema?
  var segments: [Placed<Segment>] = []
  /// Segments whose prefixes could not be read: what lies in them is not checked.
  var doubtfulSegments: Set<String> = []
  var prefixPlaces: [PrefixPlace] = []
  /// The segments that others are said to reach.
  var reachedPlaces: [Placed<String>] = []
  var assets: [Placed<Asset>] = []
  var monitors: [ParsedMonitor] = []
  var subscriptions: [SubscriptionLink: Subscription] = [:]
  var defaults: [String: Double] = [:]
  var directives: [Directive] = []
  var inventory = Inventory()
  var interest: [String: Double] = [:]
  /// The folder of the schema's file, or of the topology when the schema is inline; ends in `/`.
  private var schemaFolder = ""

  /// Something read, and the place of its name.
  struct Placed<Value> {
    var value: Value
    var position: Position
  }

  init(log: FaultLog, knownLimits: [EngineLimit]) {
    self.log = log
    path = log.file
    limits = Dictionary(knownLimits.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  mutating func topology(_ root: YAMLValue) -> Topology {
    let fields = log.fields(
      root, of: "the topology",
      keys: [
        "beryl", "enterprise", "schema", "network", "assets", "monitors", "subscriptions",
        "defaults", "directives", "inventory", "interest",
      ])
    if let value = log.required("beryl", fields), let version = log.scalar(value), version != "1" {
      log.add(value.position, .wrongVersion(version))
    }
    let enterprise = log.read(log.required("enterprise", fields), as: .name) {
      MonitorName($0)?.text
    }
    if let value = log.required("schema", fields) { readSchema(value) }
    readDirectives(fields["directives"])
    if let value = fields["network"] { readNetwork(value) }
    if let value = fields["assets"] { readAssets(value) }
    readInventory(fields["inventory"])
    if let value = fields["interest"] { readInterest(value) }
    if let value = log.required("monitors", fields) { readMonitors(value) }
    if let value = fields["defaults"] { defaults = readLimits(value, of: "defaults") }
    checkNetwork()
    checkMonitors()
    if let value = fields["subscriptions"] { readSubscriptions(value) }
    return Topology(
      enterprise: enterprise ?? "", schema: schema ?? Schema(attackVersion: "", kinds: [:]),
      segments: segments.map(\.value), assets: assets.map(\.value),
      monitors: monitors.map(\.definition), subscriptions: subscriptions, defaults: defaults,
      directives: directives, inventory: inventory, interest: interest, path: path)
  }

  /// A path relative to the topology's folder, or a mapping.
  private mutating func readSchema(_ value: YAMLValue) {
    schemaFolder = folder
    guard case .scalar(let name) = value.content else {
      var parser = SchemaParser(log: log)
      let schema = parser.schema(value)
      if parser.log.faults.count == log.faults.count { self.schema = schema }
      log = parser.log
      return
    }
    guard !name.isEmpty else {
      log.add(value.position, .malformed(name, .text))
      return
    }
    let file = name.hasPrefix("/") ? name : folder + name
    schemaFolder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
    do {
      schema = try Schema.load(path: file)
    } catch {
      // A file that is not there is the topology's fault, and is told where it is named.
      if let fault = error.faults.first, case .unreadable(let reason) = fault.kind {
        log.add(value.position, .unreadable("\(fault.file): \(reason)"))
      } else {
        otherFaults = error.faults
      }
    }
  }

  /// Where relative paths start; ends in `/`, or empty.
  var folder: String { path.lastIndex(of: "/").map { String(path[...$0]) } ?? "" }

  /// A file or a folder of directives, or `none`. Where nothing is said, the library that stands
  /// beside the schema, in whose words it is written.
  private mutating func readDirectives(_ value: YAMLValue?) {
    guard let schema else { return }
    var file = schemaFolder + "directives"
    if let value {
      guard let name = log.scalar(value), name != "none" else { return }
      file = name.hasPrefix("/") ? name : folder + name
    } else if YAMLFile.list(file, suffix: ".yaml") == nil {
      return
    }
    do {
      directives = try Directive.load(path: file, schema: schema)
    } catch {
      if let value, let fault = error.faults.first, case .unreadable(let reason) = fault.kind {
        log.add(value.position, .unreadable("\(fault.file): \(reason)"))
      } else {
        otherFaults += error.faults
      }
    }
  }

  /// Limits by name; each known, in the unit of its limit.
  mutating func readLimits(_ value: YAMLValue, of owner: String) -> [String: Double] {
    var values: [String: Double] = [:]
    for entry in log.entries(value) {
      guard let limit = limits[entry.key] else {
        log.add(
          entry.keyPosition, .unknownName(.limit, entry.key), wrong: entry.key,
          among: limits.keys.sorted())
        continue
      }
      let number: Double? =
        switch limit.unit {
        case .count: log.quantity(entry.value, as: .count, Quantity.count).map(Double.init)
        case .duration:
          log.quantity(entry.value, as: .duration, Quantity.duration).map(\.seconds)
        case .ratio: log.number(entry.value, in: 0...1, as: .ratio)
        case .rate: log.quantity(entry.value, as: .rate, Quantity.rate)
        }
      values[entry.key] = number
    }
    return values
  }
}

extension Topology {
  /// Reads and checks a topology file and the files it names.
  ///
  /// - Parameter knownLimits: the limits of all engines; a topology can set no others.
  /// - Throws: every fault of all files at once.
  public static func load(
    path: String, knownLimits: [EngineLimit]
  ) throws(TopologyFaults) -> Topology {
    var log = FaultLog(file: path)
    guard let bytes = YAMLFile.bytes(path, &log) else { throw TopologyFaults(log.sorted) }
    return try parse(bytes, path: path, knownLimits: knownLimits)
  }

  /// Reads and checks a topology's bytes; `path` names them in faults, and its folder is where a
  /// schema path starts.
  public static func parse(
    _ bytes: [UInt8], path: String, knownLimits: [EngineLimit]
  ) throws(TopologyFaults) -> Topology {
    var log = FaultLog(file: path)
    guard let root = YAMLFile.value(bytes, &log) else { throw TopologyFaults(log.sorted) }
    var parser = TopologyParser(log: log, knownLimits: knownLimits)
    let topology = parser.topology(root)
    let faults = parser.log.sorted + parser.otherFaults
    guard faults.isEmpty else { throw TopologyFaults(faults) }
    return topology
  }
}
