import Reports
import Terms

/// What kinds of attacks work against.
extension SchemaParser {
  /// Of a kind, and of each of its techniques.
  mutating func concerns(
    _ value: YAMLValue?, of kind: String
  ) -> (all: Concerns, byTechnique: [String: Concerns]) {
    guard let value else { return (Concerns(), [:]) }
    let owner = "what kind '\(kind)' concerns"
    let fields = log.fields(value, of: owner, keys: Self.parts + ["technique"])
    var byTechnique: [String: Concerns] = [:]
    if let techniques = fields["technique"] {
      for entry in log.entries(techniques) {
        let inner = log.fields(
          entry.value, of: "what technique '\(entry.key)' concerns", keys: Self.parts,
          at: entry.keyPosition)
        byTechnique[entry.key] = concerns(inner)
      }
    }
    return (concerns(fields), byTechnique)
  }

  private static let parts = ["services", "os", "products", "vulnerabilities"]

  private mutating func concerns(_ fields: YAMLFields) -> Concerns {
    var concerns = Concerns()
    for item in log.items(fields["services"]) {
      if case .scalar("reported") = item.content {
        concerns.hasReportedPorts = true
      } else if let service = log.read(item, as: .service, Service.init) {
        concerns.services.append(service)
      }
    }
    concerns.systems = log.items(fields["os"]).compactMap { item in
      log.read(item, as: .system) { OSFamily.name($0) }
    }
    concerns.products = log.items(fields["products"]).compactMap { item in
      log.read(item, as: .product) { ProductRange($0) }
    }
    concerns.vulnerabilities = log.items(fields["vulnerabilities"]).compactMap { item in
      log.read(item, as: .vulnerability) { CVE.id($0) }
    }
    return concerns
  }
}
