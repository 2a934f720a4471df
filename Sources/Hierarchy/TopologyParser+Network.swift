import Terms

/// Segments and assets.
extension TopologyParser {
  mutating func readNetwork(_ value: YAMLValue) {
    for entry in log.entries(value) {
      guard MonitorName(entry.key) != nil else {
        log.add(entry.keyPosition, .malformed(entry.key, .name))
        continue
      }
      let before = log.faults.count
      segments.append(Placed(value: segment(entry), position: entry.keyPosition))
      if log.faults.count > before { doubtfulSegments.insert(entry.key) }
    }
  }

  private mutating func segment(_ entry: YAMLValue.Entry) -> Segment {
    let fields = log.fields(
      entry.value, of: "segment '\(entry.key)'",
      keys: ["prefixes", "gateway", "dhcp", "dns", "perimeter", "reaches"],
      at: entry.keyPosition)
    let isPerimeter = log.read(fields["perimeter"], as: .boolean, Self.boolean) ?? false
    if !isPerimeter, let value = log.required("prefixes", fields), log.items(value).isEmpty {
      log.add(value.position, .missingKey("a prefix", of: "segment '\(entry.key)'"))
    }
    var prefixes: [IPPrefix] = []
    for item in log.items(fields["prefixes"]) {
      guard let prefix = log.read(item, as: .prefix, IPPrefix.init) else { continue }
      prefixes.append(prefix)
      prefixPlaces.append(PrefixPlace(prefix: prefix, segment: entry.key, at: item.position))
    }
    let gateways = addresses(fields["gateway"])
    if !prefixes.isEmpty {
      for gateway in gateways where !prefixes.contains(where: { $0.contains(gateway.value) }) {
        log.add(
          gateway.position, .outsideSegment("\(gateway.value)", segment: entry.key))
      }
    }
    return Segment(
      name: entry.key, prefixes: prefixes, gateways: gateways.map(\.value),
      dhcp: addresses(fields["dhcp"]).map(\.value), dns: addresses(fields["dns"]).map(\.value),
      isPerimeter: isPerimeter, reaches: fields["reaches"].map { reaches($0) })
  }

  /// Names of segments, which may be read later.
  private mutating func reaches(_ value: YAMLValue) -> [String] {
    log.items(value).compactMap { item in
      guard let name = log.scalar(item) else { return nil }
      reachedPlaces.append(Placed(value: name, position: item.position))
      return name
    }
  }

  private mutating func addresses(_ value: YAMLValue?) -> [Placed<IPAddress>] {
    log.items(value).compactMap { item in
      log.read(item, as: .address, IPAddress.init).map {
        Placed(value: $0, position: item.position)
      }
    }
  }

  static func boolean(_ text: String) -> Bool? {
    switch text {
    case "true": true
    case "false": false
    default: nil
    }
  }

  mutating func readAssets(_ value: YAMLValue) {
    var owners: [IPAddress: String] = [:]
    for entry in log.entries(value) {
      guard MonitorName(entry.key) != nil else {
        log.add(entry.keyPosition, .malformed(entry.key, .name))
        continue
      }
      let asset = asset(entry, owners: &owners)
      assets.append(Placed(value: asset, position: entry.keyPosition))
    }
  }

  private mutating func asset(
    _ entry: YAMLValue.Entry, owners: inout [IPAddress: String]
  ) -> Asset {
    let fields = log.fields(
      entry.value, of: "asset '\(entry.key)'",
      keys: ["segment", "addresses", "value", "services", "os"], at: entry.keyPosition)
    let name = log.choice(
      log.required("segment", fields), of: segments.map(\.value.name), role: .segment)
    var addresses: [IPAddress] = []
    if let value = log.required("addresses", fields) {
      let placed = self.addresses(value)
      if log.items(value).isEmpty {
        log.add(value.position, .missingKey("an address", of: "asset '\(entry.key)'"))
      }
      for address in placed {
        if let owner = owners[address.value] {
          log.add(address.position, .duplicateAddress("\(address.value)", asset: owner))
          continue
        }
        owners[address.value] = entry.key
        addresses.append(address.value)
        if let name { checkPlace(address, in: name) }
      }
    }
    let services = log.items(fields["services"]).compactMap { item in
      log.read(item, as: .service, Service.init)
    }
    return Asset(
      name: entry.key, segment: name ?? "", addresses: addresses,
      value: value(fields["value"]), services: services.sorted(),
      os: log.read(fields["os"], as: .name) { MonitorName($0)?.text })
  }

  private mutating func value(_ value: YAMLValue?) -> Int {
    guard let count = log.read(value, as: .count, Quantity.count), let value else {
      return Asset.standardValue
    }
    guard Asset.values.contains(count) else {
      log.add(value.position, .outOfRange("\(count)", range: "0…5"))
      return Asset.standardValue
    }
    return count
  }

  /// An address must lie in its segment; at a bare perimeter, in no other.
  private mutating func checkPlace(_ address: Placed<IPAddress>, in name: String) {
    guard !doubtfulSegments.contains(name),
      let segment = segments.first(where: { $0.value.name == name })?.value
    else { return }
    let isInside =
      segment.contains(address.value)
      || (segment.isPerimeter && !segments.contains { $0.value.contains(address.value) })
    if !isInside {
      log.add(address.position, .outsideSegment("\(address.value)", segment: name))
    }
  }

  /// A prefix where it is written.
  struct PrefixPlace {
    var prefix: IPPrefix
    var segment: String
    var at: Position
  }

  /// Two prefixes meet only when one holds the other, so that in sorted order each need only be
  /// held against the widest before it.
  mutating func checkNetwork() {
    let names = segments.map(\.value.name)
    for place in reachedPlaces where !names.contains(place.value) {
      log.add(
        place.position, .unknownName(.segment, place.value), wrong: place.value, among: names)
    }
    let sorted = prefixPlaces.sorted { ($0.prefix, $0.at) < ($1.prefix, $1.at) }
    var cover: PrefixPlace?
    for place in sorted {
      guard let wide = cover, wide.prefix.contains(place.prefix) else {
        cover = place
        continue
      }
      let (later, earlier) = wide.at < place.at ? (place, wide) : (wide, place)
      log.add(
        later.at,
        .overlappingPrefixes(
          "\(later.prefix)", with: "\(earlier.prefix)", segment: earlier.segment))
    }
  }
}
