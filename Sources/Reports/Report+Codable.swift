import Terms

// How reports stand in the state of an engine: as on the wire.

extension Report: Codable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(ReportCoding.encode(self))
  }

  public init(from decoder: any Decoder) throws {
    self = try ReportCoding.decode(try decoder.singleValueContainer().decode([UInt8].self))
  }
}

extension AddressSet: Codable {
  public func encode(to encoder: any Encoder) throws {
    var list = encoder.unkeyedContainer()
    try list.encode(listed)
    try list.encode(distinct.hashes)
    try list.encode(distinct.registers)
  }

  public init(from decoder: any Decoder) throws {
    var list = try decoder.unkeyedContainer()
    let listed = try list.decode([IPPrefix].self)
    let distinct = DistinctCount(
      hashes: try list.decode([UInt64].self), registers: try list.decode([UInt8].self))
    guard let distinct, let set = AddressSet(listed: listed, distinct: distinct) else {
      throw DecodingError.dataCorruptedError(in: list, debugDescription: "no address set")
    }
    self = set
  }
}
