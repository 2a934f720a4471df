import Hierarchy
import Reports
import Terms

/// Reports written as text, one per line, as the examples of directives have them:
///
///     00:05 hq-dmz recon.port-scan from 203.0.113.9 to 10.10.1.5-9 ports 22,80 severity 5
///     02:10 hq-dmz access.brute-force from 203.0.113.9 to 10.10.1.5 ports 22 attempts=40
///     03:00 hq-dmz answers 10.10.1.5 ports 22
///     03:00 hq-dmz fails 10.10.1.5 ports 80
///     asset 10.10.1.5 value 5 runs tcp/22 os linux
///     segment hq-dmz 10.10.1.0/24
///
/// Times are minutes and seconds; `a.b.c.d-e` is a range. `answers` and `fails` are evidence of one
/// epoch; `asset` and `segment` say what the topology would. Attributes are typed by the schema.
public struct ReportText: Sendable {
  public struct Fault: Error, Sendable, CustomStringConvertible {
    /// Counted from 1 within the text.
    public var line: Int
    public var message: String
    public var description: String { "line \(line): \(message)" }
  }

  /// When every text begins.
  public static let start = CaptureTime(seconds: 1_700_000_000)
  /// Reports of one text.
  static let reportLimit = 4096

  public private(set) var reports: [Report] = []
  private(set) var assets: [IPAddress: Asset] = [:]
  private(set) var segments: [String: [IPPrefix]] = [:]
  private let schema: Schema

  public init(_ text: String, schema: Schema) throws(Fault) {
    self.schema = schema
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      do {
        try add(words)
      } catch let reason as Reason {
        throw Fault(line: index + 1, message: reason.text)
      } catch {
        throw Fault(line: index + 1, message: "\(error)")
      }
    }
  }

  private struct Reason: Error { var text: String }

  private mutating func add(_ words: [String]) throws {
    switch words[0] {
    case "asset": try addAsset(words)
    case "segment":
      guard words.count == 3, let prefix = IPPrefix(words[2]) else {
        throw Reason(text: "'segment NAME PREFIX' is due")
      }
      segments[words[1], default: []].append(prefix)
    default:
      guard reports.count < Self.reportLimit else {
        throw Reason(text: "more than \(Self.reportLimit) reports")
      }
      reports.append(try report(words))
    }
  }

  private mutating func addAsset(_ words: [String]) throws {
    guard words.count >= 2, let address = IPAddress(words[1]) else {
      throw Reason(text: "'asset ADDRESS' is due")
    }
    let named = try Self.pairs(words.dropFirst(2), among: ["value", "runs", "os"])
    assets[address] = Asset(
      name: "asset", segment: "", addresses: [address],
      value: named["value"].flatMap { Int($0) } ?? Asset.standardValue,
      services: (named["runs"] ?? "").split(separator: ",").compactMap { Service($0) },
      os: named["os"])
  }

  private func report(_ words: [String]) throws -> Report {
    guard words.count >= 3, let time = Self.time(words[0]) else {
      throw Reason(text: "'MINUTES:SECONDS MONITOR KIND …' is due")
    }
    guard let monitor = MonitorName(words[1]) else {
      throw Reason(text: "'\(words[1])' is no monitor name")
    }
    if words[2] == "answers" || words[2] == "fails" {
      return try evidence(words, time, monitor)
    }
    let kind = ReportKind(words[2])
    guard let definition = schema.kinds[kind] else {
      throw Reason(text: "unknown kind '\(words[2])'")
    }
    let attributes = words.dropFirst(3).filter { $0.contains("=") }
    let named = try Self.pairs(
      words.dropFirst(3).filter { !$0.contains("=") },
      among: ["from", "to", "ports", "severity", "confidence", "transport", "tier", "until", "id"])
    var report = Report(
      id: ReportID(
        monitor: monitor, kind: kind, subject: named["id"] ?? words[3...].joined(separator: " "),
        opened: named["id"] == nil ? time : Self.start), kind: kind, reportClass: .detection,
      monitor: monitor,
      tier: named["tier"].flatMap(Tier.init(rawValue:)) ?? .local, first: time,
      last: max(time, named["until"].flatMap(Self.time) ?? time), raised: time, emitted: time,
      severity: named["severity"].flatMap(Double.init) ?? max(definition.severity, 3),
      confidence: named["confidence"].flatMap(Double.init) ?? 0.8)
    report.sources = AddressSet(try Self.addresses(named["from"]))
    report.targets = AddressSet(try Self.addresses(named["to"]))
    report.ports = Set(try Self.ports(named["ports"])).sorted()
    report.transport = named["transport"] == "udp" ? .udp : .tcp
    report.coverage.segments = [monitor.text]
    for pair in attributes {
      let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2, let type = definition.fields[parts[0]],
        let value = AttributeValue(parts[1], as: type)
      else { throw Reason(text: "'\(pair)' is no attribute of \(kind)") }
      report.attributes[parts[0]] = value
    }
    return report
  }

  private func evidence(
    _ words: [String], _ time: CaptureTime, _ monitor: MonitorName
  ) throws -> Report {
    guard words.count >= 4 else { throw Reason(text: "an address is due") }
    let ports = try Self.ports(try Self.pairs(words.dropFirst(4), among: ["ports"])["ports"])
    var rows: [RateRow] = []
    for address in try Self.addresses(words[3]) {
      for port in ports {
        rows.append(
          RateRow(
            target: address, segment: monitor.text, transport: .tcp, port: port, packets: 10,
            bytes: 600, contacts: 2, unfinished: words[2] == "fails" ? 2 : 0,
            sources: AddressSet(), first: time, last: time))
      }
    }
    var report = Report(
      id: ReportID(
        monitor: monitor, kind: .ingressRates, subject: words.joined(separator: " "), opened: time),
      kind: .ingressRates, reportClass: .evidence, monitor: monitor, tier: .local, first: time,
      last: time, raised: time, emitted: time, severity: 0, confidence: 1)
    report.summary = .rates(rows)
    return report
  }
}

extension ReportText {
  private static func pairs(
    _ words: some Sequence<String>, among names: [String]
  ) throws -> [String: String] {
    var pairs: [String: String] = [:]
    var name: String?
    for word in words {
      if let key = name {
        pairs[key] = word
        name = nil
      } else if names.contains(word) {
        name = word
      } else {
        throw Reason(text: "'\(word)' is none of \(names.joined(separator: ", "))")
      }
    }
    if let name { throw Reason(text: "'\(name)' has no value") }
    return pairs
  }

  private static func time(_ text: String) -> CaptureTime? {
    let parts = text.split(separator: ":").map { Int($0) }
    guard parts.count == 2, let minutes = parts[0], let seconds = parts[1],
      (0...100_000).contains(minutes), (0..<60).contains(seconds)
    else { return nil }
    return start + .seconds(minutes * 60 + seconds)
  }

  private static func addresses(_ list: String?) throws -> [IPAddress] {
    var addresses: [IPAddress] = []
    for item in (list ?? "").split(separator: ",") {
      let ends = item.split(separator: "-")
      guard let text = ends.first, let first = IPAddress(text) else {
        throw Reason(text: "'\(item)' is no address")
      }
      guard ends.count == 2, first.isIPv4, let last = UInt32(ends[1]), last <= 255,
        last >= first.v4 & 255
      else {
        addresses.append(first)
        continue
      }
      addresses += (0...last - first.v4 & 255).map { IPAddress(v4: first.v4 + $0) }
    }
    return addresses
  }

  private static func ports(_ list: String?) throws -> [UInt16] {
    try (list ?? "").split(separator: ",").map { item in
      guard let port = UInt16(item) else { throw Reason(text: "'\(item)' is no port") }
      return port
    }
  }
}

extension AttributeValue {
  /// Reads a value of a type as people write it; durations with a unit.
  init?(_ text: String, as type: FieldType) {
    let value: AttributeValue? =
      switch type {
      case .address: IPAddress(text).map { .address($0) }
      case .prefix: IPPrefix(text).map { .prefix($0) }
      case .port: UInt16(text).map { .port($0) }
      case .mac: MACAddress(text).map { .mac($0) }
      case .count: UInt64(text).map { .count($0) }
      case .bytes: UInt64(text).map { .bytes($0) }
      case .ratio: Double(text).flatMap { $0.isFinite ? .ratio($0) : nil }
      case .duration: TimeSpan(text).map { .duration($0) }
      case .text: .text(text)
      case .hash: UInt64(text, radix: 16).map { .hash($0) }
      case .time: nil
      }
    guard let value else { return nil }
    self = value
  }
}
