import Analysis

/// The topology's part in an engine is no part of its state: who reads a state brings it along.
extension CorrelationContext: Codable {
  public func encode(to encoder: any Encoder) throws {}

  public init(from decoder: any Decoder) throws {
    guard let context = decoder.userInfo[.correlationContext] as? CorrelationContext else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "no correlation context"))
    }
    self = context
  }
}

extension CodingUserInfoKey {
  /// The `CorrelationContext` of the engines that are read.
  public static let correlationContext = CodingUserInfoKey.named("beryl.context")
}
