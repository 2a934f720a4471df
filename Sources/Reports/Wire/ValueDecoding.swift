import Terms

extension ReportCoding {
  static func readAddress(
    _ reader: inout WireReader, _ field: String
  ) throws(WireFault) -> IPAddress {
    do throws(WireFault) {
      var inner = try reader.message()
      var address = IPAddress.unspecified
      while try inner.next() {
        switch inner.field {
        case 1: address.high = try inner.fixed64()
        case 2: address.low = try inner.fixed64()
        default: try inner.skip()
        }
      }
      return address
    } catch {
      throw error.inside(field)
    }
  }

  static func readPrefix(
    _ reader: inout WireReader, _ field: String
  ) throws(WireFault) -> IPPrefix {
    do throws(WireFault) {
      var inner = try reader.message()
      var address = IPAddress.unspecified
      var length: UInt64 = 0
      while try inner.next() {
        switch inner.field {
        case 1: address.high = try inner.fixed64()
        case 2: address.low = try inner.fixed64()
        case 3: length = try inner.uint(upTo: 128, "length")
        default: try inner.skip()
        }
      }
      guard let prefix = prefix(address, length) else {
        throw inner.fault("\(address)/\(length) has host bits or too long a length")
      }
      return prefix
    } catch {
      throw error.inside(field)
    }
  }

  private static func prefix(_ address: IPAddress, _ length: UInt64) -> IPPrefix? {
    guard length <= UInt64(address.bitWidth) else { return nil }
    let prefix = IPPrefix(address, length: Int(length))
    return prefix.base == address ? prefix : nil
  }

  static func readSet(
    _ reader: inout WireReader, _ field: String
  ) throws(WireFault) -> AddressSet {
    do throws(WireFault) {
      var inner = try reader.message()
      return try readSet(&inner)
    } catch {
      throw error.inside(field)
    }
  }

  private static func readSet(_ reader: inout WireReader) throws(WireFault) -> AddressSet {
    var listed: [IPPrefix] = []
    var words: [UInt64] = []
    var hashes: [UInt64] = []
    var registers: [UInt8] = []
    while try reader.next() {
      switch reader.field {
      case 1:
        listed.reserveCapacity(min(reader.remaining / 4, AddressSet.listLimit))
        try reader.eachFixed32(limit: AddressSet.listLimit, "v4") {
          listed.append(IPPrefix(host: IPAddress(v4: $0)))
        }
      case 2:
        words.removeAll(keepingCapacity: true)
        try reader.appendFixed64(to: &words, limit: AddressSet.listLimit * 2, "v6")
        guard words.count % 2 == 0 else { throw reader.fault("half an address", "v6") }
        for index in stride(from: 0, to: words.count, by: 2) {
          listed.append(IPPrefix(host: IPAddress(high: words[index], low: words[index + 1])))
        }
      case 3:
        words.removeAll(keepingCapacity: true)
        try reader.appendFixed64(to: &words, limit: AddressSet.listLimit * 3, "prefixes")
        try appendPrefixes(words, to: &listed)
      case 4:
        try reader.appendFixed64(to: &hashes, limit: DistinctCount.exactLimit, "hashes")
      case 5:
        registers = try reader.byteArray("registers", limit: DistinctCount.registerCount)
      default: try reader.skip()
      }
      guard listed.count <= AddressSet.listLimit else {
        throw WireFault(field: "", reason: "more than \(AddressSet.listLimit) members")
      }
    }
    return try set(listed, hashes, registers)
  }

  private static func appendPrefixes(
    _ words: [UInt64], to listed: inout [IPPrefix]
  ) throws(WireFault) {
    guard words.count % 3 == 0 else {
      throw WireFault(field: "prefixes", reason: "part of a prefix")
    }
    for index in stride(from: 0, to: words.count, by: 3) {
      let address = IPAddress(high: words[index], low: words[index + 1])
      guard let prefix = prefix(address, words[index + 2]) else {
        throw WireFault(
          field: "prefixes", reason: "\(address)/\(words[index + 2]) is no prefix")
      }
      listed.append(prefix)
    }
  }

  private static func set(
    _ listed: [IPPrefix], _ hashes: [UInt64], _ registers: [UInt8]
  ) throws(WireFault) -> AddressSet {
    var listed = listed
    if listed.count > 1 { listed.sort() }
    guard zip(listed, listed.dropFirst()).allSatisfy({ $0 < $1 }) else {
      throw WireFault(field: "", reason: "a member is repeated")
    }
    if hashes.isEmpty, registers.isEmpty, let set = AddressSet(listed: listed) { return set }
    guard let distinct = DistinctCount(hashes: hashes, registers: registers) else {
      throw WireFault(field: "hashes", reason: "not in order, or beside registers")
    }
    guard let set = AddressSet(listed: listed, distinct: distinct) else {
      throw WireFault(field: "", reason: "more than \(AddressSet.listLimit) members")
    }
    return set
  }

  static func readAttribute(
    _ reader: inout WireReader
  ) throws(WireFault) -> (String, AttributeValue) {
    var name = ""
    do throws(WireFault) {
      var inner = try reader.message()
      var value: AttributeValue?
      while try inner.next() {
        switch inner.field {
        case 1: name = try inner.text("name", limit: textLimit)
        case 2...12: value = try readValue(&inner)
        default: try inner.skip()
        }
      }
      guard let value else { throw inner.fault("no value") }
      return (name, value)
    } catch {
      throw error.inside("attributes['\(name)']")
    }
  }

  private static func readValue(
    _ reader: inout WireReader
  ) throws(WireFault) -> AttributeValue {
    switch reader.field {
    case 2: return .address(try readAddress(&reader, "address"))
    case 3: return .prefix(try readPrefix(&reader, "prefix"))
    case 4: return .port(UInt16(truncatingIfNeeded: try reader.uint(upTo: 65_535, "port")))
    case 5: return .mac(MACAddress(bits: try reader.uint(upTo: 0xffff_ffff_ffff, "mac")))
    case 6: return .count(try reader.uint())
    case 7:
      let zigzag = try reader.uint()
      let value = Int64(bitPattern: zigzag >> 1) ^ -Int64(bitPattern: zigzag & 1)
      return .duration(TimeSpan(nanoseconds: value))
    case 8: return .bytes(try reader.uint())
    case 9: return .ratio(try reader.double("ratio"))
    case 10: return .text(try reader.text("text", limit: textLimit))
    case 11: return .hash(try reader.fixed64())
    default: return .time(CaptureTime(nanoseconds: try reader.sfixed64()))
    }
  }
}
