import Analysis
import Hierarchy
import Reports
import Terms

/// What the correlators of one monitor know of their site.
public struct CorrelationContext: Sendable {
  public var monitor: MonitorName
  public var tier: Tier
  public var limits: LimitTable
  public var schema: Schema
  /// What counts as inside; empty means everything.
  public let home: [IPPrefix]
  /// Segments by name; a perimeter that stands for everything else has no prefixes.
  public let segments: [String: [IPPrefix]]
  /// The segments that each can open connections to; one that is not named reaches all.
  public var reaches: [String: Set<String>] = [:]
  /// The local monitors of each segment.
  public var sensors: [String: [MonitorName]] = [:]
  private let homeTable: PrefixTable<Bool>
  private let segmentTable: PrefixTable<String>
  /// The segment without prefixes: the link to the outside.
  let perimeter: String
  /// Worth of the known assets, 0–5.
  public var assetValues: [IPAddress: Int]
  /// What the topology says of the known assets.
  public var assets: [IPAddress: Asset]
  /// The declared attacks to follow.
  public var directives: [Directive]

  /// What each child and peer can speak of; empty where nobody said.
  public var duties: [MonitorName: ChildDuty] = [:]

  /// Where an address belongs that no segment holds, when the topology names no perimeter.
  public static let outside = "outside"

  public init(
    monitor: MonitorName, tier: Tier, limits: LimitTable = LimitTable(), schema: Schema,
    home: [IPPrefix] = [], segments: [String: [IPPrefix]] = [:],
    assetValues: [IPAddress: Int] = [:], assets: [IPAddress: Asset] = [:],
    directives: [Directive] = []
  ) {
    self.monitor = monitor
    self.tier = tier
    self.limits = limits
    self.schema = schema
    self.home = home
    self.segments = segments
    self.assetValues = assetValues
    self.assets = assets
    self.directives = directives
    var homeTable = PrefixTable<Bool>()
    for prefix in home { homeTable[prefix] = true }
    self.homeTable = homeTable
    var segmentTable = PrefixTable<String>()
    // Ties by name, so that the dictionary's order cannot show.
    for (name, prefixes) in segments.sorted(by: { $0.key > $1.key }) {
      for prefix in prefixes { segmentTable[prefix] = name }
    }
    self.segmentTable = segmentTable
    perimeter = segments.filter { $0.value.isEmpty }.keys.min() ?? Self.outside
  }

  /// Whether the address or prefix lies inside the site.
  func isHome(_ prefix: IPPrefix) -> Bool {
    home.isEmpty || homeTable.match(prefix) != nil
  }

  /// The segment that holds the address, else the perimeter.
  func segment(of address: IPAddress) -> String {
    segmentTable.match(IPPrefix(host: address)) ?? perimeter
  }

  /// The schema's severity of a kind.
  func severity(of kind: ReportKind, else standard: Double) -> Double {
    schema.kinds[kind]?.severity ?? standard
  }

  /// Whether the schema gives `kind` a field of this name and type.
  func allows(_ name: String, _ type: FieldType, in kind: ReportKind) -> Bool {
    schema.kinds[kind]?.fields[name] == type
  }

  /// Sets the attributes that the schema knows; a site's own schema may leave some out.
  func describe(_ report: inout Report, _ attributes: [(String, AttributeValue)]) {
    guard let fields = schema.kinds[report.kind]?.fields else { return }
    for (name, value) in attributes where fields[name] == value.type {
      report.attributes[name] = value
    }
  }
}
