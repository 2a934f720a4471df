import Hierarchy
import Reports
import Terms

/// One attack of an incident, and what it works against.
struct Claim {
  /// Services of one claim that are looked at.
  static let serviceLimit = 16

  let report: Report
  let concerns: Concerns
  /// Ports that the report names, as services of its targets.
  let services: [Service]
  /// Whether the target lacks what it needs where none of the services runs. A rule may match what a
  /// client was sent, whose port is the server's.
  let needsServer: Bool

  /// What a report claims: a claim for each of its techniques, since what one needs another does not;
  /// none where it depends on nothing.
  static func list(_ report: Report, _ definition: KindDefinition?) -> [Claim] {
    let byTechnique = definition?.techniqueConcerns ?? [:]
    let lists = byTechnique.isEmpty ? [] : ["technique", "also"].compactMap { report.text($0) }
    let techniques = Set(lists.flatMap { $0.split { ", +".contains($0) } }).sorted()
    let claims = (techniques.isEmpty ? [""] : techniques).map { technique in
      Claim(report, definition, byTechnique[String(technique)])
    }
    return claims.filter { !$0.concerns.isEmpty }
  }

  private init(_ report: Report, _ definition: KindDefinition?, _ ofTechnique: Concerns?) {
    self.report = report
    var concerns = definition?.concerns ?? Concerns()
    if let ofTechnique { concerns.add(ofTechnique) }
    let rule = RuleFacts(report)
    concerns.add(rule.concerns)
    self.concerns = concerns
    var services = concerns.services
    if concerns.hasReportedPorts, let transport = report.transport {
      services += report.ports.prefix(Self.serviceLimit).filter { $0 > 0 }
        .map { Service(transport: transport, port: $0) }
    }
    self.services = Array(services.prefix(Self.serviceLimit))
    needsServer = report.kind != .signature || rule.isAgainstServer
  }
}

/// What a rule's author says it is about: references and metadata, as the report carries them
/// (`cve,2014-6271 url,…`; `affected_product Windows_7, attack_target Server, cve CVE_2014_6271`).
struct RuleFacts {
  private(set) var concerns = Concerns()
  private(set) var isAgainstServer = false

  /// CVE numbers of one rule at most.
  private static let numberLimit = 16
  /// Products that are servers' and have one name; others say too little.
  private static let products: [(mark: String, words: String)] = [
    ("iis", "iis"), ("apache_http", "apache httpd"), ("apache_tomcat", "tomcat"),
    ("nginx", "nginx"), ("mysql", "mysql"), ("postgresql", "postgresql"),
    ("microsoft_sql", "sql server"), ("oracle_weblogic", "weblogic"), ("openssh", "openssh"),
    ("exim", "exim"), ("samba", "samba"), ("drupal", "drupal"), ("redis", "redis"),
  ]

  init(_ report: Report) {
    if let references = report.text("references") {
      for word in references.split(separator: " ") where word.lowercased().hasPrefix("cve,") {
        if let id = CVE.id(word.dropFirst(4)) { add(id) }
      }
    }
    guard let metadata = report.text("metadata") else { return }
    for id in CVE.ids(in: metadata, limit: Self.numberLimit) { add(id) }
    for pair in metadata.split(separator: ",") {
      let words = pair.split(separator: " ", maxSplits: 1)
      guard words.count == 2 else { continue }
      let value = words[1].lowercased()
      switch words[0] {
      case "attack_target": if value.hasSuffix("server") { isAgainstServer = true }
      case "affected_product": read(product: value)
      default: break
      }
    }
  }

  private mutating func add(_ id: String) {
    guard concerns.vulnerabilities.count < Self.numberLimit else { return }
    concerns.add(Concerns(vulnerabilities: [id]))
  }

  private mutating func read(product: String) {
    if let known = Self.products.first(where: { product.hasPrefix($0.mark) }) {
      if let range = ProductRange(known.words) { concerns.products.append(range) }
    } else if ["windows", "linux", "mac_os", "macos", "android", "ios"].contains(where: {
      product.hasPrefix($0)
    }), let system = OSFamily.name(product) {
      concerns.systems.append(system)
    }
  }
}

extension Report {
  /// An attribute that is a text.
  func text(_ name: String) -> String? {
    if case .text(let text)? = attributes[name] { text } else { nil }
  }
}
