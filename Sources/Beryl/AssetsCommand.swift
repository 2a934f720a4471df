import ArgumentParser
import Hierarchy
import Terms
import Tiers

/// `beryl assets`: every host that a topology and its inventory know.
struct AssetsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "assets",
    abstract: "Lists the hosts of a topology: value, system, services, vulnerabilities.",
    discussion: """
      One line per address that an asset or a file of the topology's 'inventory' names, with what \
      is known of it; below it a line per service that a scan or list describes, and one per known \
      vulnerability. Relevance and rank of incidents rest on this.

      The inventory are scans ('nmap -sV -O --script vuln -oX scan.xml', also with vulners) and \
      lists in CSV, whose header names its columns, in any order:
        address,service,product,version,os,cve
        10.10.1.10,tcp/80,Apache httpd,2.4.49,linux,CVE-2021-41773 CVE-2021-42013

      Examples:
        beryl assets topology/acme.yaml
        beryl assets --vulnerable topology/acme.yaml
        beryl assets --json topology/acme.yaml | jq '.hosts[] | select(.os == null).address'

      With --json one object: {"hosts": [{"address", "asset", "segment", "value", "os", "services": \
      [{"service", "product", "version", "platform", "from"}], "vulnerabilities": [{"id", \
      "service", "state", "score"}]}]}; "from" is topology, inventory or both, "state" confirmed, \
      likely (by version) or absent; what is not known is null.

      Exit codes: 0 listed, 2 a faulty topology or inventory.
      """)

  @Argument(help: "The topology file (YAML).", completion: .file(extensions: ["yaml", "yml"]))
  var file: String

  @Flag(help: "Only hosts with a vulnerability.")
  var vulnerable = false

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  func run() async throws {
    do {
      let topology = try Topology.load(path: file, knownLimits: EngineLimits.all)
      var list = HostListing(topology)
      if vulnerable {
        list.hosts.removeAll { $0.vulnerabilities.allSatisfy { $0.state == "absent" } }
      }
      print(json ? try JSONText.of(list) : list.text)
    } catch let error as TopologyFaults {
      FaultSummary.complain(error)
      throw BerylExit.badInput
    }
  }
}

/// The hosts in order of address.
private struct HostListing: Encodable {
  struct ServiceRow: Encodable {
    let service: String
    @Nullable var product: String?
    @Nullable var version: String?
    @Nullable var platform: String?
    let from: String
  }

  struct VulnerabilityRow: Encodable {
    let id: String
    @Nullable var service: String?
    let state: String
    @Nullable var score: Double?
  }

  struct HostRow: Encodable {
    let address: String
    @Nullable var asset: String?
    @Nullable var segment: String?
    let value: Int
    @Nullable var os: String?
    let services: [ServiceRow]
    let vulnerabilities: [VulnerabilityRow]
  }

  var hosts: [HostRow]

  init(_ topology: Topology) {
    hosts = topology.hosts.sorted { $0.key < $1.key }.map { address, host in
      HostRow(
        address: "\(address)", asset: host.asset?.name,
        segment: host.asset?.segment ?? topology.segment(containing: address)?.name,
        value: host.value, os: host.os,
        services: host.services.map { service in
          let product = host.product(service)
          let isNamed = host.asset?.services.contains(service) ?? false
          return ServiceRow(
            service: "\(service)", product: product.flatMap { Self.some($0.name) },
            version: product.flatMap { Self.some($0.version) }, platform: product?.platform,
            from: product == nil ? "topology" : isNamed ? "both" : "inventory")
        },
        vulnerabilities: (host.found?.vulnerabilities ?? []).map {
          VulnerabilityRow(
            id: $0.id, service: $0.service?.description, state: $0.state.rawValue, score: $0.score)
        })
    }
  }

  private static func some(_ text: String) -> String? { text.isEmpty ? nil : text }

  var text: String {
    hosts.flatMap { host -> [String] in
      var head = "\(host.address)  \(host.asset ?? "-")  value \(host.value)  \(host.os ?? "-")"
      let bare = host.services.filter { $0.product == nil }.map(\.service)
      if !bare.isEmpty { head += "  " + bare.joined(separator: " ") }
      let services = host.services.filter { $0.product != nil }.map { row in
        "  \(row.service)  \(row.product ?? "") \(row.version ?? "")"
      }
      let vulnerabilities = host.vulnerabilities.map { row in
        "  \(row.id)  \(row.state)" + (row.service.map { "  \($0)" } ?? "")
          + (row.score.map { "  CVSS \($0)" } ?? "")
      }
      return [head] + services + vulnerabilities
    }.joined(separator: "\n")
  }
}
