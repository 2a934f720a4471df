import Terms

/// One `host` element of nmap's output, as far as it was read.
struct NmapHost {
  /// Addresses of one host at most.
  static let addressLimit = 64

  private(set) var addresses: [IPAddress] = []
  private(set) var isUp = true
  private var found = KnownHost()
  private var closed: [TransportProtocol: [ClosedRange<UInt16>]] = [:]
  private var unsure: [TransportProtocol: Set<UInt16>] = [:]
  /// The port whose element is open.
  private var service: Service?
  private var isOpen = false
  private var product = Product()
  /// States of the ports that are not told one by one, and whether it was said which these are.
  private var extraStates: Set<String> = []
  private var extraState = ""
  private var namesExtraPorts = false
  private var guess: (accuracy: Int, os: String?)?
  private var hint: String?

  mutating func open(
    _ name: String, _ attributes: [String: String], _ position: Position, _ log: inout FaultLog
  ) {
    switch name {
    case "status": isUp = attributes["state"] != "down"
    case "address": note(address: attributes, position, &log)
    case "port": openPort(attributes, position, &log)
    case "state": note(state: attributes["state"] ?? "")
    case "service":
      guard isOpen else { return }
      // Without a probe the name is only the port's usual one.
      product.name = attributes["product"] ?? ""
      product.version = attributes["version"] ?? ""
      if let system = attributes["ostype"] { hint = hint ?? OSFamily.name(system) }
    case "extraports":
      extraState = attributes["state"] ?? ""
      extraStates.insert(extraState)
    case "extrareasons": note(extra: attributes)
    case "osmatch": guess = guess ?? (Int(attributes["accuracy"] ?? "") ?? 0, nil)
    case "osclass":
      guard let known = guess, known.os == nil else { return }
      guess?.os = OSFamily.name(attributes["osfamily"] ?? "")
    default: break
    }
  }

  private mutating func note(
    address attributes: [String: String], _ position: Position, _ log: inout FaultLog
  ) {
    let type = attributes["addrtype"] ?? "ipv4"
    guard type == "ipv4" || type == "ipv6" else { return }
    let text = attributes["addr"] ?? ""
    guard let address = IPAddress(text) else {
      log.add(position, .malformed(text, .address))
      return
    }
    if addresses.count < Self.addressLimit { addresses.append(address) }
  }

  private mutating func openPort(
    _ attributes: [String: String], _ position: Position, _ log: inout FaultLog
  ) {
    let text = "\(attributes["protocol"] ?? "")/\(attributes["portid"] ?? "")"
    product = Product()
    isOpen = false
    // IP protocols (-sO) are told as ports as well.
    guard !text.hasPrefix("ip/"), text != "tcp/0", text != "udp/0", text != "sctp/0" else { return }
    service = Service(text)
    if service == nil { log.add(position, .malformed(text, .service)) }
  }

  private mutating func note(state: String) {
    guard let service else { return }
    switch state {
    case "open": isOpen = true
    case "closed": closed[service.transport, default: []].append(service.port...service.port)
    default: unsure[service.transport, default: []].insert(service.port)
    }
  }

  private mutating func note(extra attributes: [String: String]) {
    guard let text = attributes["ports"], let ranges = PortLook.ranges(text),
      let transport = TransportProtocol(attributes["proto"] ?? "")
    else { return }
    namesExtraPorts = true
    if extraState == "closed" { closed[transport, default: []] += ranges }
  }

  mutating func close(_ name: String, text: String) {
    switch name {
    case "cpe": if isOpen, product.platform == nil { product.platform = text }
    case "port":
      if isOpen, let service { found.services[service] = product }
      service = nil
      isOpen = false
    default: break
    }
  }

  /// What a script found: of the port that is open, or of the host.
  mutating func take(_ vulnerabilities: [Vulnerability]) {
    let room = KnownHost.vulnerabilityLimit - found.vulnerabilities.count
    guard room > 0, !vulnerabilities.isEmpty else { return }
    found.add(
      vulnerabilities.prefix(room).map { one in
        var one = one
        one.service = service
        return one
      })
  }

  /// What is now known; `scanned` are the ports that the scan looked at.
  func facts(scanned: [TransportProtocol: [ClosedRange<UInt16>]]) -> KnownHost {
    var host = found
    if let guess, guess.accuracy >= NmapReader.accuracy { host.os = guess.os }
    host.os = host.os ?? hint
    // All the rest is closed: so older versions tell it, that do not name the ports.
    let isRestClosed = extraStates == ["closed"] && !namesExtraPorts
    for transport in Set(scanned.keys).union(closed.keys) {
      let ranges = (closed[transport] ?? []) + (isRestClosed ? scanned[transport] ?? [] : [])
      guard !ranges.isEmpty else { continue }
      host.looks[transport] = PortLook(closed: ranges, unsure: unsure[transport] ?? [])
    }
    return host
  }
}
