/// Ways to attack a web application by its requests, in the order in which a request that fits
/// several is named.
enum WebTechnique: String, Sendable, CaseIterable {
  case shellshock, log4shell
  case codeRed = "code-red"
  case sqli, xss, cgi
  case fileInclusion = "file-inclusion"
  case traversal
  case commandInjection = "command-injection"
  case nullByte = "null-byte"
  /// Templates and objects: `{{7*7}}`, OGNL, serialised Java or PHP, external entities.
  case codeInjection = "code-injection"

  /// Whether a success shows in the answer: what is asked for is there, or it is not. A page that is
  /// open to others answers the rest as it answers anybody.
  var showsInAnswer: Bool {
    switch self {
    case .traversal, .fileInclusion, .cgi, .commandInjection, .shellshock, .codeRed: true
    case .log4shell, .sqli, .xss, .nullByte, .codeInjection: false
    }
  }
}

/// How much a request speaks for each technique; 1 is enough by itself.
struct WebScores: Sendable {
  /// By the techniques' order; sixteen places hold them all without an allocation.
  private var values = SIMD16<Double>()

  static let order: [WebTechnique: Int] = Dictionary(
    uniqueKeysWithValues: WebTechnique.allCases.enumerated().map { ($1, $0) })

  subscript(technique: WebTechnique) -> Double {
    get { values[Self.order[technique] ?? 0] }
    set { values[Self.order[technique] ?? 0] = newValue }
  }

  mutating func add(_ other: WebScores, times factor: Double = 1) {
    values += other.values * factor
  }

  /// The technique that the request is named by: the first that is enough by itself, or else the
  /// one with the highest score; nil when nothing was found.
  var verdict: (technique: WebTechnique, score: Double)? {
    for (index, technique) in WebTechnique.allCases.enumerated() where values[index] >= 1 {
      return (technique, values[index])
    }
    let indices = WebTechnique.allCases.indices
    guard let top = indices.max(by: { values[$0] < values[$1] }), values[top] > 0 else {
      return nil
    }
    return (WebTechnique.allCases[top], values[top])
  }
}
