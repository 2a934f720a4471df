import Analysis
import Reports

/// What each kind can say, for the resolver; nil where only the reports' own words are used. The
/// topology's, and so no part of a state.
public struct CaseFields: Sendable, Codable {
  let schema: Schema?

  public init(schema: Schema?) { self.schema = schema }
  public init(from decoder: any Decoder) throws {
    schema = (decoder.userInfo[.caseFields] as? CaseFields)?.schema
  }
  public func encode(to encoder: any Encoder) throws {}
}

extension CodingUserInfoKey {
  /// The `CaseFields` of a resolver that is read.
  public static let caseFields = CodingUserInfoKey.named("beryl.fields")
}
