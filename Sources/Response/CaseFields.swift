import Analysis
import Reports

/// What each kind can say, for the resolver, nil where only the reports' own words are used; and what
/// rank rests on. The topology's, and so no part of a state.
public final class CaseFields: Sendable, Codable {
  let schema: Schema?
  /// The kinds that give control of their target.
  let controlling: Set<ReportKind>
  let site: SiteKnowledge

  public init(schema: Schema?, site: SiteKnowledge = .none) {
    self.schema = schema
    controlling = Self.controlling(schema)
    self.site = site
  }
  public init(from decoder: any Decoder) throws {
    let known = decoder.userInfo[.caseFields] as? CaseFields
    schema = known?.schema
    controlling = known?.controlling ?? []
    site = known?.site ?? .none
  }
  public func encode(to encoder: any Encoder) throws {}

  private static func controlling(_ schema: Schema?) -> Set<ReportKind> {
    Set((schema?.kinds ?? [:]).filter { $0.value.gives.target == .control }.map(\.key))
  }
}

extension CodingUserInfoKey {
  /// The `CaseFields` of a resolver that is read.
  public static let caseFields = CodingUserInfoKey.named("beryl.fields")
}
