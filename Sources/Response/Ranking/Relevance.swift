import Hierarchy
import Reports
import Terms

/// How relevant an attack is to one host: odds, even where nothing is known, times a factor for each
/// thing that is.
///
/// | known of the host | odds times |
/// |---|---|
/// | a vulnerability that the attack names: confirmed | 255 of 255, whatever else |
/// | likely, by its version | 16 |
/// | looked for, and not there | 1/16 |
/// | others were found there, this one not | 1/2 |
/// | a service that it needs: found running | 3 |
/// | named by the topology | 2 |
/// | not among those that the topology names | 1/2 |
/// | found closed | 1/16 |
/// | the product, or a version, that it works against | 2 |
/// | another product, or version | 1/16 |
/// | a system that it works on | 2 |
/// | another system | 1/16 |
struct Relevance {
  enum Factor {
    static let likely = 16.0
    static let unlikely = 1.0 / 16
    static let notFound = 0.5
    static let found = 3.0
    static let named = 2.0
    static let unnamed = 0.5
    static let fits = 2.0
  }

  private(set) var odds = 1.0
  private(set) var isVulnerable = false
  private(set) var grounds: [Term] = []

  /// 0–255.
  var score: UInt8 {
    if isVulnerable { return 255 }
    return UInt8(min(254, max(0, (255 * odds / (1 + odds)).rounded())))
  }

  init(_ claim: Claim, to host: HostFacts, at address: IPAddress) {
    judgeVulnerabilities(claim.concerns.vulnerabilities, host, address)
    judgeServices(claim, host, address)
    judgeProducts(claim, host, address)
    judgeSystem(claim.concerns.systems, host, address)
  }

  private mutating func count(_ factor: Double, _ reason: String) {
    odds *= factor
    grounds.append(Term(reason, factor, unit: "times the odds"))
  }

  private mutating func judgeVulnerabilities(
    _ wanted: [String], _ host: HostFacts, _ address: IPAddress
  ) {
    guard !wanted.isEmpty, let known = host.found?.vulnerabilities, !known.isEmpty else { return }
    let named = known.filter { wanted.contains($0.id) }
    guard let best = named.max(by: { ($0.state, $1.id) < ($1.state, $0.id) }) else {
      return count(Factor.notFound, "\(address) was scanned, \(wanted[0]) not among what was found")
    }
    switch best.state {
    case .confirmed:
      isVulnerable = true
      grounds.append(Term("\(address) has \(best.id) (confirmed)", 255, unit: "of 255"))
    case .likely: count(Factor.likely, "\(address) has \(best.id) by its version")
    case .absent: count(Factor.unlikely, "\(address) has not \(best.id)")
    }
  }

  private mutating func judgeServices(_ claim: Claim, _ host: HostFacts, _ address: IPAddress) {
    guard !claim.services.isEmpty else { return }
    var running: [HostFacts.Running: Service] = [:]
    for service in claim.services {
      let answer = host.running(service)
      if running[answer] == nil { running[answer] = service }
    }
    if let service = running[.found] {
      return count(Factor.found, "\(address) runs \(service)")
    }
    if let service = running[.named] {
      return count(Factor.named, "\(address) offers \(service)")
    }
    // What answered runs, whatever was known before.
    if case .count(let status)? = claim.report.attributes["status"], status > 0 { return }
    guard claim.needsServer, running[.unknown] == nil else { return }
    if let service = running[.unnamed] {
      count(Factor.unnamed, "\(service) is not among what \(address) offers")
    } else if let service = running[.closed] {
      count(Factor.unlikely, "\(service) is closed at \(address)")
    }
  }

  /// Only products of the services that the claim is about are held against it; of a claim about none,
  /// all that run, and then none speaks against it.
  private mutating func judgeProducts(_ claim: Claim, _ host: HostFacts, _ address: IPAddress) {
    let wanted = claim.concerns.products
    guard !wanted.isEmpty else { return }
    let services = claim.services.isEmpty ? host.services : claim.services
    let products = services.compactMap { host.product($0) }.filter { !$0.name.isEmpty }
    var other: Product?
    for product in products {
      let text = "\(product.name) \(product.platform ?? "")"
      for range in wanted where range.names(text) {
        switch range.holds(product.version) {
        case false?: other = product
        case true?, nil:
          return count(Factor.fits, "\(address) runs \(Self.shown(product))")
        }
      }
    }
    if let other {
      count(Factor.unlikely, "\(address) runs \(Self.shown(other)), of another version")
    } else if let first = products.first, !claim.services.isEmpty {
      count(Factor.unlikely, "\(address) runs \(Self.shown(first)), another product")
    }
  }

  private static func shown(_ product: Product) -> String {
    let text = product.version.isEmpty ? product.name : "\(product.name) \(product.version)"
    return AttributeValue.shortened(text, limit: 80)
  }

  private mutating func judgeSystem(
    _ wanted: [String], _ host: HostFacts, _ address: IPAddress
  ) {
    guard !wanted.isEmpty, let system = host.os else { return }
    if wanted.contains(system) {
      count(Factor.fits, "\(address) is a \(system) host")
    } else {
      count(
        Factor.unlikely, "\(address) is a \(system) host, not \(wanted.joined(separator: " or "))")
    }
  }
}

extension AttributeValue {
  /// What of a text from outside is shown: printable, and not longer than `limit` characters.
  static func shortened(_ text: String, limit: Int) -> String {
    let scalars = text.unicodeScalars.prefix(limit).map { scalar in
      scalar.properties.generalCategory == .control ? "\u{FFFD}" : Character(scalar)
    }
    return String(scalars)
  }
}
