import Terms

/// What a service is, as far as a scan or a list says.
public struct Product: Sendable, Hashable {
  /// `Apache httpd`; empty when unknown.
  public var name: String
  /// `2.4.49`; empty when unknown.
  public var version: String
  /// `cpe:/a:apache:http_server:2.4.49`, where the scan names one.
  public var platform: String?

  public init(name: String = "", version: String = "", platform: String? = nil) {
    self.name = name
    self.version = version
    self.platform = platform
  }
}

/// What scans and lists say of one host.
public struct KnownHost: Sendable, Hashable {
  /// Vulnerabilities of one host at most.
  static let vulnerabilityLimit = 4096

  /// The system's family, as `OSFamily` has it; nil when unknown.
  public internal(set) var os: String?
  /// What was found open.
  public internal(set) var services: [Service: Product] = [:]
  /// In order of id and service; of two that say different things of one the surer.
  public private(set) var vulnerabilities: [Vulnerability] = []
  /// What was looked at and found closed.
  public internal(set) var looks: [TransportProtocol: PortLook] = [:]

  public init(
    os: String? = nil, services: [Service: Product] = [:], vulnerabilities: [Vulnerability] = []
  ) {
    self.os = os
    self.services = services
    add(vulnerabilities)
  }

  /// Whether the host runs the service; nil where nobody looked, or nobody could tell.
  public func runs(_ service: Service) -> Bool? {
    if services[service] != nil { return true }
    return looks[service.transport]?.isClosed(service.port) == true ? false : nil
  }

  mutating func add(_ more: [Vulnerability]) {
    guard !more.isEmpty else { return }
    struct Key: Hashable {
      var id: String
      var service: Service?
    }
    var known: [Key: Vulnerability] = [:]
    for one in vulnerabilities + more {
      let key = Key(id: one.id, service: one.service)
      if let old = known[key] {
        known[key]?.state = max(old.state, one.state)
        known[key]?.score = one.score ?? old.score
      } else {
        known[key] = one
      }
    }
    vulnerabilities = known.values.sorted {
      ($0.id, $0.service?.description ?? "") < ($1.id, $1.service?.description ?? "")
    }
  }

  /// Takes what a later scan or list says; where the two differ, the later one is right.
  mutating func merge(_ later: KnownHost) {
    os = later.os ?? os
    for (service, _) in services where later.runs(service) == false { services[service] = nil }
    services.merge(later.services) { mine, theirs in
      Product(
        name: theirs.name.isEmpty ? mine.name : theirs.name,
        version: theirs.version.isEmpty ? mine.version : theirs.version,
        platform: theirs.platform ?? mine.platform)
    }
    looks.merge(later.looks) { _, theirs in theirs }
    add(later.vulnerabilities)
  }
}
