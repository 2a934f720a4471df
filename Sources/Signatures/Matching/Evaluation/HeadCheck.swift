import Terms

/// The head of rules against a scene: addresses, ports, transport, flow. Address sets are asked once
/// for each scene, however many rules name them.
struct HeadCheck {
  private let image: RuleImage
  /// Of the first 64 address sets, which hold the source and the destination, and for which that
  /// is known.
  private var knownSource: UInt64 = 0
  private var sourceIn: UInt64 = 0
  private var knownDestination: UInt64 = 0
  private var destinationIn: UInt64 = 0
  private var source = IPAddress.unspecified
  private var destination = IPAddress.unspecified

  init(_ image: RuleImage) { self.image = image }

  /// Forgets what was asked of another scene's addresses.
  @inline(__always) mutating func enter(_ scene: Scene) {
    guard scene.source != source || scene.destination != destination else { return }
    source = scene.source
    destination = scene.destination
    knownSource = 0
    sourceIn = 0
    knownDestination = 0
    destinationIn = 0
  }

  @inline(__always) mutating func passes(
    _ rule: UnsafePointer<RuleRecord>, _ scene: Scene
  ) -> Bool {
    let traits = rule.pointee.traits
    guard traits.contains(scene.isFromClient ? .toServer : .toClient),
      !traits.contains(.needsEstablished) || scene.isEstablished,
      !traits.contains(.needsUnestablished) || !scene.isEstablished,
      rule.pointee.application == 0 || rule.pointee.application == scene.application,
      passesTransport(rule.pointee.transport, scene)
    else { return false }
    if holds(rule.pointee.sourcePorts, scene.sourcePort),
      holds(rule.pointee.destinationPorts, scene.destinationPort),
      holdsSource(rule.pointee.sources), holdsDestination(rule.pointee.destinations)
    {
      return true
    }
    return traits.contains(.isBidirectional)
      && holds(rule.pointee.sourcePorts, scene.destinationPort)
      && holds(rule.pointee.destinationPorts, scene.sourcePort)
      && holdsDestination(rule.pointee.sources) && holdsSource(rule.pointee.destinations)
  }

  private func passesTransport(_ code: UInt8, _ scene: Scene) -> Bool {
    switch RuleTransport(rawValue: code) {
    case .any: true
    case .tcp: scene.transport == 6
    case .udp: scene.transport == 17
    case .icmp: scene.isICMP
    case .sctp: scene.transport == 132
    case .icmpv4: scene.transport == 1
    case .icmpv6: scene.transport == 58
    case .ipv4: scene.source.isIPv4
    case .ipv6: !scene.source.isIPv4
    case nil: false
    }
  }

  @inline(__always) private mutating func holdsSource(_ set: Int32) -> Bool {
    if set < 0 { return true }
    guard set < 64 else { return contains(set, source) }
    let bit: UInt64 = 1 &<< UInt64(set)
    if knownSource & bit == 0 {
      knownSource |= bit
      if contains(set, source) { sourceIn |= bit }
    }
    return sourceIn & bit != 0
  }

  @inline(__always) private mutating func holdsDestination(_ set: Int32) -> Bool {
    if set < 0 { return true }
    guard set < 64 else { return contains(set, destination) }
    let bit: UInt64 = 1 &<< UInt64(set)
    if knownDestination & bit == 0 {
      knownDestination |= bit
      if contains(set, destination) { destinationIn |= bit }
    }
    return destinationIn & bit != 0
  }

  private func contains(_ set: Int32, _ address: IPAddress) -> Bool {
    let span = image.addressSets[set]
    var low = Int(span.start)
    var high = span.end
    while low < high {
      let middle = (low + high) / 2
      if image.addresses[middle].last < address { low = middle + 1 } else { high = middle }
    }
    return low < span.end && image.addresses[low].first <= address
  }

  @inline(__always) private func holds(_ set: Int32, _ port: UInt16) -> Bool {
    if set < 0 { return true }
    let span = image.portSets[set]
    for place in Int(span.start)..<span.end {
      let range = image.ports[place]
      if port < range.first { return false }
      if port <= range.last { return true }
    }
    return false
  }
}
