import Crypto
import Terms

/// The message schema: every report kind that the monitors of a topology speak.
public struct Schema: Sendable, Equatable {
  /// ATT&CK release that the technique ids belong to, such as `17.1`.
  public var attackVersion: String
  public var kinds: [ReportKind: KindDefinition]

  public init(attackVersion: String, kinds: [ReportKind: KindDefinition]) {
    self.attackVersion = attackVersion
    self.kinds = kinds
  }
}

/// What the schema says of one kind.
public struct KindDefinition: Sendable, Equatable {
  public var reportClass: ReportClass
  /// ATT&CK technique ids.
  public var techniques: [String]
  /// Severity of a report whose engine has no better one, 0–10.
  public var severity: Double
  public var fields: [String: FieldType]
  /// How two reports of the kind are held against each other, by feature.
  public var correlation: [FeatureComparison]
  /// What an attacker must have before he can do this, and what he has afterwards.
  public var needs: Footholds
  public var gives: Footholds
  /// What it works against, whatever its technique; and what each technique does.
  public var concerns: Concerns
  public var techniqueConcerns: [String: Concerns]

  public init(
    reportClass: ReportClass, techniques: [String] = [], severity: Double,
    fields: [String: FieldType] = [:], correlation: [FeatureComparison] = [],
    needs: Footholds = Footholds(), gives: Footholds = Footholds(),
    concerns: Concerns = Concerns(), techniqueConcerns: [String: Concerns] = [:]
  ) {
    self.reportClass = reportClass
    self.techniques = techniques
    self.severity = severity
    self.fields = fields
    self.correlation = correlation
    self.needs = needs
    self.gives = gives
    self.concerns = concerns
    self.techniqueConcerns = techniqueConcerns
  }
}

/// One feature's part in similarity fusion (Valdes & Skinner, "Probabilistic Alert Correlation",
/// RAID 2001).
public struct FeatureComparison: Sendable, Hashable {
  public enum Measure: Sendable, Hashable {
    /// 1 when equal, 0 otherwise.
    case exact
    /// Share of leading address bits that agree.
    case prefix
    /// Overlap of the two sets over the smaller one: 1 where one holds all of the other.
    case overlap
    /// The measure of lists: with the probability that a list gives each value,
    /// [Σ P_X·P_Y]² / (Σ P_X² · Σ P_Y²) (Valdes & Skinner, US patent 7,917,393, claim 1). Members of
    /// a set are equally probable, which makes it |X ∩ Y|² / (|X|·|Y|): 1 only where both are the same.
    case vector
    /// 1 when the two time ranges meet, falling to 0 over `within`.
    case time(within: TimeSpan)
  }

  /// What a report can be that makes likeness in one feature less, or more, to be expected.
  public enum Situation: String, Sendable, Hashable, CaseIterable, Comparable {
    /// The sources may be forged: what was sent needed no answer.
    case spoofable
    /// One thing was tried at many targets.
    case sweep

    /// The feature that it is about.
    public var feature: String { self == .spoofable ? "sources" : "targets" }

    public static func < (left: Situation, right: Situation) -> Bool {
      left.rawValue < right.rawValue
    }
  }

  /// `sources`, `targets`, `ports`, `time`, or the name of a field of the kind.
  public var feature: String
  public var measure: Measure
  /// E_j: the weight of this feature, 0–1.
  public var expected: Double
  /// E_j in a situation, 0–1.
  public var situations: [Situation: Double]
  /// min_j: below this similarity the two never belong together, 0–1.
  public var least: Double

  public init(
    feature: String, measure: Measure, expected: Double,
    situations: [Situation: Double] = [:], least: Double
  ) {
    self.feature = feature
    self.measure = measure
    self.expected = expected
    self.situations = situations
    self.least = least
  }
}

extension KindDefinition {
  /// One canonical line: what the digest is computed over.
  func canonical(_ kind: ReportKind) -> String {
    let fields = fields.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.rawValue)" }
    let features = correlation.map { comparison in
      let situations = comparison.situations.sorted { $0.key < $1.key }.map {
        ":\($0.key.rawValue)=\($0.value)"
      }
      return
        "\(comparison.feature):\(comparison.measure):\(comparison.expected):\(comparison.least)"
        + situations.joined()
    }
    return [
      kind.text, reportClass.rawValue, techniques.joined(separator: ","), "\(severity)",
      fields.joined(separator: ","), features.joined(separator: ","),
      needs.canonical, gives.canonical, concerns.canonical,
      techniqueConcerns.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.canonical)" }
        .joined(separator: ","),
    ].joined(separator: "|")
  }
}

extension Schema {
  /// SHA-256 over the kinds in canonical form and order, lower-case hexadecimal: what two monitors
  /// compare when they connect.
  public var digest: String {
    let lines = kinds.sorted { $0.key < $1.key }.map { $0.value.canonical($0.key) }
    return Self.hex(
      SHA256.hash(data: Array((["attack|" + attackVersion] + lines).joined(separator: "\n").utf8)))
  }

  /// The digest of each kind (16 hexadecimal digits), so that a mismatch can name the first
  /// difference.
  public var kindDigests: [String: String] {
    Dictionary(
      uniqueKeysWithValues: kinds.map { kind, definition in
        (
          kind.text,
          String(Self.hex(SHA256.hash(data: Array(definition.canonical(kind).utf8))).prefix(16))
        )
      })
  }

  /// The first kind, in order, on which the two schemas differ, in words; nil when the kinds agree.
  public static func firstDifference(
    mine: [String: String], theirs: [String: String]
  ) -> String? {
    for kind in Set(mine.keys).union(theirs.keys).sorted() where mine[kind] != theirs[kind] {
      if mine[kind] == nil { return "kind '\(kind)' is unknown here" }
      if theirs[kind] == nil { return "kind '\(kind)' is unknown there" }
      return "kind '\(kind)' is defined differently"
    }
    return nil
  }

  private static func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// Why a report breaks the schema.
public enum SchemaViolation: Error, Hashable, Sendable {
  case unknownKind(ReportKind)
  case wrongClass(ReportKind, ReportClass)
  case unknownField(ReportKind, String)
  case wrongType(ReportKind, String, expected: FieldType, found: FieldType)
  case outOfRange(ReportKind, String)
}

extension Schema {
  /// Checks a report against its kind. An incident may carry any detection's kind: a fused attack
  /// keeps its name.
  public func check(_ report: Report) throws(SchemaViolation) {
    guard let definition = kinds[report.kind] else { throw .unknownKind(report.kind) }
    let classFits =
      report.reportClass == definition.reportClass
      || (report.reportClass == .incident && definition.reportClass == .detection)
    guard classFits else { throw .wrongClass(report.kind, report.reportClass) }
    // Names are put in order only when there is something to say: a parent checks every report.
    if !report.attributes.allSatisfy({ definition.fields[$0.key] == $0.value.type }) {
      try checkFields(of: report, definition)
    }
    guard (0...10).contains(report.severity) else { throw .outOfRange(report.kind, "severity") }
    guard (0...1).contains(report.confidence) else { throw .outOfRange(report.kind, "confidence") }
    guard report.first <= report.last else { throw .outOfRange(report.kind, "first") }
    guard report.emitted < .distantFuture else { throw .outOfRange(report.kind, "emitted") }
  }

  /// The report as far as the schema has words for it: without attributes that its kind lacks; nil
  /// when it lacks the kind. A site's own schema may leave out what engines could say.
  public func fitted(_ report: Report) -> Report? {
    guard let definition = kinds[report.kind] else { return nil }
    guard !report.attributes.allSatisfy({ definition.fields[$0.key] == $0.value.type }) else {
      return report
    }
    var fitted = report
    fitted.attributes = report.attributes.filter { definition.fields[$0.key] == $0.value.type }
    return fitted
  }

  /// Throws the first violation in order of field names.
  private func checkFields(
    of report: Report, _ definition: KindDefinition
  ) throws(SchemaViolation) {
    for (name, value) in report.attributes {
      guard let type = definition.fields[name] else { throw .unknownField(report.kind, name) }
      guard type == value.type else {
        throw .wrongType(report.kind, name, expected: type, found: value.type)
      }
    }
  }
}
