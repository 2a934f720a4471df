/// What an engine keeps only because it is dear to make again: no part of a checkpoint, and empty
/// after one was read.
public struct Remade<Value: Sendable & ExpressibleByEmptiness>: Sendable, Codable {
  public var value: Value

  public init() { value = .empty }
  public init(from decoder: any Decoder) throws { value = .empty }
  public func encode(to encoder: any Encoder) throws {}
}

/// A collection that can be empty.
public protocol ExpressibleByEmptiness {
  static var empty: Self { get }
}

extension Array: ExpressibleByEmptiness {
  public static var empty: [Element] { [] }
}

extension Dictionary: ExpressibleByEmptiness {
  public static var empty: [Key: Value] { [:] }
}
