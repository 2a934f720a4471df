/// The measures of one sort of subject: what a profile of a host, or of a service, is about.
///
/// A *categorical* measure is the mix of an observation's categories: named ones that are learned
/// (ports, peers), fixed ones (outcomes, hours), or geometric bins of a number (bytes,
/// milliseconds). An *intensity* is an amount that fades with time at three half-lives. The event
/// distribution of EMERALD is a fixed categorical measure whose categories are what an observation
/// touched. Every observation touches the last measure.
public struct ProfileLayout: Sendable {
  /// Categories that a measure with named ones learns; the last place is that of all others.
  public static let namedWidth = 16
  /// Geometric bins of a number.
  public static let binWidth = 32
  /// Half-lives of an intensity, in seconds: 1 min, 10 min, 1 h.
  public static let halfLives: [Float] = [60, 600, 3600]

  /// Where a categorical measure stands in a profile's arrays; small and trivial, for every event.
  @frozen public struct Measure: Sendable, Hashable {
    public let index: Int
    public let offset: Int
    public let width: Int
    /// Place of the first of `namedWidth - 1` keys; -1 where categories are fixed.
    public let keys: Int
    public let isCyclic: Bool
  }

  /// What the categories of a measure are.
  public enum Categories: Sendable, Hashable {
    case named
    case fixed([String])
    /// Fixed ones that lie in a circle, like hours: a neighbour of what is usual is half as usual.
    case cyclic([String])
    /// Bin 0 holds values below `first`, each further one twice as large values.
    case bins(first: UInt64, unit: String)

    var width: Int {
      switch self {
      case .named: namedWidth
      case .fixed(let labels), .cyclic(let labels): labels.count
      case .bins: binWidth
      }
    }
  }

  public private(set) var measures: [Measure] = []
  public private(set) var names: [String] = []
  public private(set) var categories: [Categories] = []
  /// Names of the intensities, and the amount below which one is never remarkable.
  public private(set) var intensities: [(name: String, unit: String, floor: Float)] = []
  public private(set) var categoryCount = 0
  public private(set) var keyCount = 0

  public init() {}

  /// Adds a categorical measure; its place.
  @discardableResult
  public mutating func add(_ name: String, _ categories: Categories) -> Measure {
    let isNamed = categories == .named
    var isCyclic = false
    if case .cyclic = categories { isCyclic = true }
    let measure = Measure(
      index: measures.count, offset: categoryCount, width: categories.width,
      keys: isNamed ? keyCount : -1, isCyclic: isCyclic)
    measures.append(measure)
    names.append(name)
    self.categories.append(categories)
    categoryCount += categories.width
    if isNamed { keyCount += Self.namedWidth - 1 }
    return measure
  }

  /// Adds an intensity; its index.
  @discardableResult
  public mutating func addIntensity(_ name: String, unit: String, floor: Float) -> Int {
    intensities.append((name, unit, floor))
    return intensities.count - 1
  }

  /// One Q for each categorical measure, then three for each intensity.
  public var statisticCount: Int { measures.count + Self.halfLives.count * intensities.count }

  /// What is judged is the measures' Q, and each intensity's largest score: three half-lives of one
  /// amount say nearly the same.
  public var scoreCount: Int { measures.count + intensities.count }

  /// The geometric bin of a value.
  @inlinable public static func bin(_ value: UInt64, first: UInt64) -> Int {
    let scaled = value / Swift.max(first, 1)
    return scaled == 0 ? 0 : Swift.min(64 - scaled.leadingZeroBitCount, binWidth - 1)
  }

  /// Least value of a bin.
  public static func lowerEdge(_ bin: Int, first: UInt64) -> UInt64 {
    bin == 0 ? 0 : first << UInt64(min(bin, binWidth) - 1)
  }
}
