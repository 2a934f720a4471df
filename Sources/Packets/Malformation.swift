/// Malformations met while decoding one packet.
@frozen public struct Malformations: OptionSet, Sendable, Hashable {
  public var rawValue: UInt64

  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
}
