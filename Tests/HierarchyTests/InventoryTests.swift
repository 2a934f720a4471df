import Foundation
import Reports
import Terms
import Testing

@testable import Hierarchy

/// Reads one text as an inventory file.
private func read(_ text: String) -> (inventory: Inventory, faults: [TopologyFault]) {
  read(Array(text.utf8))
}

private func read(_ bytes: [UInt8]) -> (inventory: Inventory, faults: [TopologyFault]) {
  var inventory = Inventory()
  var log = FaultLog(file: "hosts")
  inventory.read(bytes, &log)
  return (inventory, log.sorted)
}

private func sample(_ name: String) throws -> [UInt8] {
  let folder = URL(filePath: Files.folder).deletingLastPathComponent().appending(
    path: "Tests/Inventories")
  return Array(try Data(contentsOf: folder.appending(path: name)))
}

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
private func service(_ text: String) throws -> Service { try #require(Service(text)) }

@Suite struct ScanTests {
  @Test func aScanTellsWhatRunsAndWhatDoesNot() throws {
    let (inventory, faults) = read(try sample("nmap-vuln.xml"))
    #expect(faults == [])
    let host = try #require(inventory.hosts[try address("127.0.0.1")])
    #expect(host.os == "linux")
    let product = try #require(host.services[try service("tcp/8099")])
    #expect(product.name == "SimpleHTTPServer" && product.version == "0.6")
    #expect(product.platform == "cpe:/a:python:simplehttpserver:0.6")
    #expect(host.runs(try service("tcp/8099")) == true)
    #expect(host.runs(try service("tcp/8090")) == false)
    #expect(host.runs(try service("tcp/22")) == nil, "nobody looked there")
    #expect(host.runs(try service("udp/8090")) == nil)
    #expect(host.vulnerabilities == [])
  }

  @Test func aScriptsFindingIsAVulnerabilityOfItsPort() throws {
    let (inventory, faults) = read(try sample("nmap-shellshock.xml"))
    #expect(faults == [])
    let host = try #require(inventory.hosts[try address("127.0.0.1")])
    #expect(
      host.vulnerabilities == [
        Vulnerability(id: "CVE-2014-6271", service: try service("tcp/8098"), state: .confirmed)
      ])
    #expect(host.services[try service("tcp/8098")]?.name == "Apache httpd")
  }

  private static func scan(_ host: String, services: String = "1-1000") -> String {
    """
    <?xml version="1.0"?><!DOCTYPE nmaprun>
    <nmaprun scanner="nmap"><scaninfo type="syn" protocol="tcp" services="\(services)"/>
    <host><status state="up"/><address addr="10.0.1.7" addrtype="ipv4"/>
    <address addr="02:00:00:00:00:01" addrtype="mac"/>\(host)</host></nmaprun>
    """
  }

  private func host(_ inner: String, services: String = "1-1000") throws -> KnownHost {
    let (inventory, faults) = read(Self.scan(inner, services: services))
    #expect(faults == [])
    return try #require(inventory.hosts[try address("10.0.1.7")])
  }

  @Test func whatAFilterHidesStaysUnknown() throws {
    let port = { (number: Int, state: String) in
      "<port protocol=\"tcp\" portid=\"\(number)\"><state state=\"\(state)\"/></port>"
    }
    let closed = try host(
      "<ports><extraports state=\"closed\" count=\"998\"/>" + port(22, "open")
        + port(80, "filtered") + "</ports>")
    #expect(closed.runs(try service("tcp/22")) == true)
    #expect(closed.runs(try service("tcp/80")) == nil)
    #expect(closed.runs(try service("tcp/443")) == false)
    #expect(closed.runs(try service("tcp/8080")) == nil)
    let filtered = try host(
      "<ports><extraports state=\"filtered\" count=\"999\"/>" + port(22, "open") + "</ports>")
    #expect(filtered.runs(try service("tcp/443")) == nil)
    let mixed = try host(
      "<ports><extraports state=\"closed\"><extrareasons proto=\"tcp\" ports=\"1-99,443\"/>"
        + "</extraports><extraports state=\"filtered\"/>" + port(22, "open") + "</ports>")
    #expect(mixed.runs(try service("tcp/443")) == false)
    #expect(mixed.runs(try service("tcp/444")) == nil)
    #expect(mixed.runs(try service("tcp/22")) == true)
  }

  @Test func versionsWithKnownHolesAreLikelyVulnerable() throws {
    // The form is that which the script documents.
    let host = try host(
      """
      <ports><port protocol="udp" portid="53"><state state="open"/>
      <service name="domain" product="ISC BIND" version="9.8.2rc1" ostype="Linux"/>
      <script id="vulners" output="x"><table key="cpe:/a:isc:bind:9.8.2rc1">
      <table><elem key="is_exploit">false</elem><elem key="cvss">8.5</elem>
      <elem key="id">CVE-2012-1667</elem><elem key="type">cve</elem></table>
      <table><elem key="id">EDB-ID:1</elem><elem key="type">exploitdb</elem></table>
      </table></script></port></ports>
      """)
    #expect(
      host.vulnerabilities == [
        Vulnerability(
          id: "CVE-2012-1667", service: try service("udp/53"), state: .likely, score: 8.5)
      ])
    #expect(host.os == "linux", "of the service, where the host was not asked")
  }

  @Test func theTextOfAScriptWithoutTablesIsRead() throws {
    let host = try host(
      """
      <hostscript><script id="smb-vuln-ms17-010"
        output="&#xa;  VULNERABLE:&#xa;  Remote Code Execution&#xa;    State: VULNERABLE&#xa;    IDs:  CVE:CVE-2017-0143&#xa;"/>
      <script id="smb-vuln-ms10-054" output="State: NOT VULNERABLE CVE-2010-2550"/>
      <script id="smb-vuln-ms10-061" output="ERROR: CVE-2010-2729"/></hostscript>
      """)
    #expect(host.vulnerabilities.map(\.id) == ["CVE-2010-2550", "CVE-2017-0143"])
    #expect(host.vulnerabilities.map(\.state) == [.absent, .confirmed])
  }

  @Test func aHostThatIsDownIsNone() {
    let text = Self.scan("").replacing("state=\"up\"", with: "state=\"down\"")
    #expect(read(text).inventory.hosts.isEmpty)
  }

  @Test(arguments: [
    (scan("<ports><port protocol=\"tcp\" portid=\"70000\"/></ports>"), 4, "malformed"),
    (scan("<address addr=\"10.0.1\" addrtype=\"ipv4\"/>"), 4, "malformed"),
    (scan("", services: "1-x"), 2, "malformed"),
    ("<nmaprun>\n<host>", 2, "inventory"),
    ("<nmaprun>\n</host></nmaprun>", 2, "inventory"),
    ("<other/>", 1, "inventory"),
    ("<!DOCTYPE a [\n<!ENTITY b \"c\">]><nmaprun/>", 2, "inventory"),
    ("<nmaprun>\n<a xmlns:b=\"c\"/></nmaprun>", 2, "inventory"),
    ("<?xml version=\"1.0\"?>\n<nmaprun><?b?></nmaprun>", 2, "inventory"),
    (String(repeating: "<nmaprun>\n", count: 100), 65, "too-deep"),
    (" \n ", 1, "empty"),
  ])
  func aFaultyScanIsToldWhere(text: String, line: Int, rule: String) throws {
    let faults = read(text).faults
    #expect(faults.first?.kind.rule == rule, "\(faults)")
    #expect(faults.first?.line == line, "\(faults)")
    #expect(faults.count == 1, "\(faults)")
  }

  @Test func aNameOfXmlWithinAValueIsNoNamespace() throws {
    let (inventory, faults) = read(
      Self.scan(
        "<hostscript><script id=\"a\" output=\"&lt;html xmlns=&quot;x&quot;&gt;\"/></hostscript>"))
    #expect(faults == [])
    #expect(inventory.hosts.count == 1)
  }

  @Test func theLaterScanKnowsBetter() throws {
    var inventory = Inventory()
    var log = FaultLog(file: "a")
    inventory.read(
      Array(
        "address,service,product,cve\n10.0.1.7,tcp/80,nginx,CVE-2021-23017\n10.0.1.7,tcp/22,,\n"
          .utf8),
      &log)
    inventory.read(
      Array(
        Self.scan(
          "<ports><extraports state=\"closed\"/><port protocol=\"tcp\" portid=\"22\">"
            + "<state state=\"open\"/><service product=\"OpenSSH\" version=\"9.2p1\"/></port></ports>"
        ).utf8), &log)
    #expect(log.faults == [])
    let host = try #require(inventory.hosts[try address("10.0.1.7")])
    #expect(host.runs(try service("tcp/80")) == false)
    #expect(host.services[try service("tcp/22")] == Product(name: "OpenSSH", version: "9.2p1"))
    #expect(host.vulnerabilities.map(\.id) == ["CVE-2021-23017"])
  }
}

@Suite struct HostListTests {
  @Test func aListTellsServicesSystemsAndVulnerabilities() throws {
    let (inventory, faults) = read(
      "service,address,os,cve,product,version\r\n"
        + "tcp/80,10.0.1.7,\"Windows Server 2019, Standard\",CVE-2021-31166;cve-2022-21907,"
        + "\"Microsoft \"\"IIS\"\"\",10.0\r\n" + ",2001:db8::1,Debian 12,,,\r\n\r\n")
    #expect(faults == [])
    let host = try #require(inventory.hosts[try address("10.0.1.7")])
    #expect(host.os == "windows")
    let http = try service("tcp/80")
    #expect(host.services == [http: Product(name: "Microsoft \"IIS\"", version: "10.0")])
    #expect(
      host.vulnerabilities == [
        Vulnerability(id: "CVE-2021-31166", service: http, state: .confirmed),
        Vulnerability(id: "CVE-2022-21907", service: http, state: .confirmed),
      ])
    #expect(inventory.hosts[try address("2001:db8::1")]?.os == "linux")
    #expect(host.runs(try service("tcp/22")) == nil, "a list need not be complete")
    #expect(
      (inventory.hosts.count, inventory.serviceCount, inventory.vulnerabilityCount) == (2, 1, 2))
  }

  @Test(arguments: [
    FaultyText("unknown-key", "address,▸prodct\n10.0.0.1,x\n", suggest: "product"),
    FaultyText("missing-key", "▸service,product\ntcp/80,x\n"),
    FaultyText("repeated-name", "address,os,▸os\n10.0.0.1,linux,linux\n"),
    FaultyText("malformed", "address\n▸10.0.0\n"),
    FaultyText("malformed", "address,os\n▸,linux\n"),
    FaultyText("malformed", "address,service\n10.0.0.1,▸tcp80\n"),
    FaultyText("malformed", "address,cve\n10.0.0.1,▸CVE-21-1\n"),
    FaultyText("malformed", "address,os\n10.0.0.1,▸?\n"),
    FaultyText("inventory", "address,os\n10.0.0.1,linux,▸more\n"),
    FaultyText("inventory", "address,os\n▸10.0.0.1\n"),
    FaultyText("inventory", "address,product\n10.0.0.1,▸nginx\n"),
    FaultyText("inventory", "address,os\n10.0.0.1,▸\"linux\n"),
    FaultyText("inventory", "address,os\n10.0.0.1,\"linux\"▸x\n"),
    FaultyText("inventory", "address,os\n10.0.0.1,li▸\"nux\n"),
    FaultyText("empty", "▸\n\n"),
  ])
  func aFaultyListIsToldWhere(faulty: FaultyText) throws {
    let (text, line, column) = faulty.unmarked
    let faults = read(text).faults
    let fault = try #require(faults.first)
    #expect(faults.count == 1, "\(faults)")
    #expect(fault.kind.rule == faulty.rule)
    #expect((fault.line, fault.column) == (line, column), "\(fault)")
    #expect(fault.suggestion == faulty.suggestion)
  }

  @Test func bytesThatAreNoTextAreRefused() {
    #expect(read([0x61, 0xff, 0x0a]).faults.map(\.kind.rule) == ["not-text"])
  }

  @Test func aTopologyNamesItsInventory() throws {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "beryl-inventory-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func load(_ inventory: String) throws(TopologyFaults) -> Topology {
      let text = """
        beryl: 1
        enterprise: acme
        schema: \(Files.folder)schema.yaml
        inventory: \(inventory)
        network: { a: { prefixes: [10.0.1.0/24] } }
        assets: { web: { segment: a, addresses: [10.0.1.7], value: 4, services: [tcp/80], os: windows } }
        monitors:
          acme: { tier: enterprise, listen: "127.0.0.1:7400" }
          a: { tier: local, segment: a, parents: [acme] }
        """
      return try Topology.parse(
        Array(text.utf8), path: folder.path + "/site.yaml", knownLimits: Files.limits)
    }
    try Data("address,service,os\n10.0.1.7,tcp/8080,linux\n10.0.1.9,,bsd\n".utf8).write(
      to: folder.appending(path: "hosts.csv"))
    let topology = try load("hosts.csv")
    let web = try #require(topology.hosts[try address("10.0.1.7")])
    #expect(web.value == 4 && web.os == "windows", "what the topology says comes first")
    #expect(web.running(try service("tcp/80")) == .named)
    #expect(web.running(try service("tcp/8080")) == .found)
    #expect(web.running(try service("tcp/22")) == .unnamed)
    #expect(web.services.map(\.description) == ["tcp/80", "tcp/8080"])
    let other = try #require(topology.hosts[try address("10.0.1.9")])
    #expect(other.value == Asset.standardValue && other.os == "bsd")
    #expect(other.running(try service("tcp/22")) == .unknown)
    // What is not there is told where it is named; what is faulty, in its own file.
    do {
      _ = try load("[hosts.csv, none.csv]")
      Issue.record("a file that is not there")
    } catch {
      #expect(error.faults.map(\.kind.rule) == ["unreadable"])
      #expect((error.faults[0].line, error.faults[0].column) == (4, 24))
    }
    try Data("address\nx\n".utf8).write(to: folder.appending(path: "bad.csv"))
    do {
      _ = try load("bad.csv")
      Issue.record("a faulty file")
    } catch {
      #expect(
        error.faults.map(\.description).first?.hasPrefix(folder.path + "/bad.csv:2:1:") == true)
    }
  }
}

@Suite struct OSFamilyTests {
  @Test(arguments: [
    ("Windows Server 2019", "windows"), ("Microsoft Windows 10", "windows"),
    ("Linux 5.0 - 5.2", "linux"), ("debian", "linux"), ("Mac OS X 10.15", "macos"),
    ("FreeBSD 13", "bsd"), ("plan9", "plan9"),
  ])
  func namesHaveOneForm(text: String, family: String) {
    #expect(OSFamily.name(text) == family)
  }

  @Test(arguments: ["", "?", "embedded", "two words"])
  func whatNamesNoSystemIsNone(text: String) { #expect(OSFamily.name(text) == nil) }

  @Test(arguments: [
    ("CVE-2014-6271", "CVE-2014-6271"), ("cve,2014-6271", nil), ("2014-6271", "CVE-2014-6271"),
    ("CVE_2021_44228", "CVE-2021-44228"), ("CVE-2014", nil), ("CVE-2014-627", nil),
  ])
  func numbersOfVulnerabilitiesHaveOneForm(text: String, id: String?) {
    #expect(CVE.id(text) == id)
  }
}
