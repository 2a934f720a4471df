import Analysis

/// The model of eBayes TCP (Valdes & Skinner, RAID 2000): what a burst of one client's TCP traffic
/// may be, what is seen of it, and the tables that it starts with.
enum SessionModel {
  /// Values of the root.
  enum Hypothesis: Int, CaseIterable, Sendable {
    case http, ftp, email, other
    /// Web requests that mostly fail, by nobody's ill will.
    case failingHTTP
    case dictionary, processTable, mailBomb, portSweep, ipSweep, synFlood, otherAttack

    var isAttack: Bool { rawValue >= Hypothesis.dictionary.rawValue }

    var name: String {
      switch self {
      case .http: "HTTP"
      case .ftp: "FTP"
      case .email: "EMAIL"
      case .other: "OTHER-normal"
      case .failingHTTP: "HTTP_F"
      case .dictionary: "DICTIONARY"
      case .processTable: "PROCESSTABLE"
      case .mailBomb: "MAILBOMB"
      case .portSweep: "PORTSWEEP"
      case .ipSweep: "IPSWEEP"
      case .synFlood: "SYNFLOOD"
      case .otherAttack: "OTHER-attack"
      }
    }
  }

  /// Leaves, and how many states each has.
  enum Leaf: Int, CaseIterable, Sendable {
    /// Connections per second, fading with a half-life of 10 s: < 0.5, < 2, < 8, < 32, more.
    case intensity
    /// Of those, the ones that failed, per second: none to speak of, < 0.5, < 2, < 8, more.
    case errors
    /// Distinct addresses, and distinct (address, port), of the burst: 1, 2–4, 5–15, 16–63, more.
    case addresses, ports
    /// Most connections open at once to one host: < 4, 4–15, 16–63, 64–255, more.
    case open
    /// What most connections ask for: web, FTP, mail, log-in, other, mixed.
    case service
    /// How most of them end: answered, refused, unanswered, empty, still open, mixed.
    case outcome

    var stateCount: Int { self == .service || self == .outcome ? 6 : 5 }
  }

  /// π before anything is seen: attacks are rare.
  static let prior: [Double] = [
    0.40, 0.05, 0.10, 0.40, 0.03, 0.002, 0.002, 0.002, 0.004, 0.004, 0.001, 0.001,
  ]

  /// Effective observations that a table counts for before it has learned anything.
  static let weight = 200.0

  /// P(state | hypothesis), in the order of `Hypothesis`. What the paper's tables say in words, in
  /// round figures; rows are normalised, and those of normal sessions adapt to the segment.
  static let tables: [[[Double]]] = [
    intensity, errors, addresses, ports, open, service, outcome,
  ]

  private static let intensity: [[Double]] = [
    [60, 25, 10, 4, 1], [80, 15, 4, 1, 0.2], [75, 18, 5, 1.5, 0.5], [70, 20, 7, 2, 1],
    [65, 22, 9, 3, 1], [15, 30, 35, 15, 5], [5, 15, 40, 30, 10], [2, 8, 30, 40, 20],
    [10, 15, 25, 25, 25], [10, 15, 25, 25, 25], [1, 2, 7, 30, 60], [20, 20, 20, 20, 20],
  ]

  private static let errors: [[Double]] = [
    [90, 8, 1.5, 0.4, 0.1], [90, 8, 1.5, 0.4, 0.1], [88, 9, 2.5, 0.4, 0.1],
    [85, 12, 2.5, 0.4, 0.1], [10, 55, 30, 4, 1], [30, 30, 25, 12, 3], [60, 15, 10, 10, 5],
    [80, 10, 5, 4, 1], [2, 15, 25, 28, 30], [2, 15, 25, 28, 30], [1, 3, 10, 30, 56],
    [20, 20, 20, 20, 20],
  ]

  private static let addresses: [[Double]] = [
    [40, 32, 17, 8, 3], [85, 13, 1.8, 0.2, 0.05], [65, 25, 8, 1.8, 0.2],
    [47, 32, 14, 5.5, 1.5], [60, 30, 9, 0.9, 0.1], [88, 8, 3, 0.8, 0.2],
    [97, 2, 0.6, 0.3, 0.1], [94, 5, 0.7, 0.2, 0.1], [70, 15, 8, 4, 3], [0.5, 2, 12, 35, 50],
    [96, 3, 0.6, 0.3, 0.1], [20, 20, 20, 20, 20],
  ]

  private static let ports: [[Double]] = [
    [38, 32, 19, 8, 3], [50, 35, 13, 1.9, 0.1], [60, 28, 10, 1.9, 0.1],
    [42, 35, 16, 5.5, 1.5], [60, 30, 9, 0.9, 0.1], [90, 7, 2, 0.8, 0.2],
    [97, 2, 0.6, 0.3, 0.1], [94, 5, 0.7, 0.2, 0.1], [0.5, 2, 10, 30, 57], [0.5, 2, 12, 35, 50],
    [90, 6, 2, 1, 1], [20, 20, 20, 20, 20],
  ]

  private static let open: [[Double]] = [
    [75, 21, 3.5, 0.4, 0.1], [95, 4.5, 0.4, 0.08, 0.02], [92, 7, 0.9, 0.08, 0.02],
    [88, 10, 1.8, 0.15, 0.05], [80, 17, 2.8, 0.15, 0.05], [50, 35, 12, 2.5, 0.5],
    [0.5, 1.5, 8, 40, 50], [40, 30, 20, 8, 2], [75, 15, 6, 3, 1], [90, 8, 1.5, 0.4, 0.1],
    [85, 8, 4, 2, 1], [20, 20, 20, 20, 20],
  ]

  private static let service: [[Double]] = [
    [95, 0.2, 0.2, 0.2, 1, 3.4], [0.5, 90, 0.2, 0.3, 7, 2], [0.5, 0.2, 94, 0.3, 2, 3],
    [5, 1, 2, 12, 70, 10], [95, 0.2, 0.2, 0.2, 1, 3.4], [8, 15, 10, 60, 6, 1],
    [25, 15, 20, 20, 19, 1], [0.3, 0.2, 98, 0.3, 0.7, 0.5], [3, 0.5, 0.5, 3, 25, 68],
    [17, 5, 7, 25, 40, 6], [30, 8, 8, 14, 35, 5], [17, 17, 17, 17, 16, 16],
  ]

  private static let outcome: [[Double]] = [
    [88, 1, 1, 3, 5, 2], [88, 1, 1, 2, 6, 2], [88, 2, 2, 2, 4, 2], [84, 2.5, 2.5, 4, 5, 2],
    [10, 33, 33, 18, 3, 3], [80, 4, 2, 6, 6, 2], [4, 2, 10, 10, 72, 2], [92, 1, 1, 2, 3, 1],
    [1, 52, 25, 10, 2, 10], [2, 25, 52, 12, 2, 7], [1, 3, 90, 2, 2, 2],
    [17, 17, 17, 17, 16, 16],
  ]
}

/// A log-like step of a leaf.
extension SessionModel {
  static func step(_ value: Double, _ edges: [Double]) -> Int {
    edges.firstIndex { value < $0 } ?? edges.count
  }

  static let rateEdges = [0.5, 2, 8, 32]
  static let errorEdges = [0.05, 0.5, 2, 8]
  static let distinctEdges = [1.5, 4.5, 15.5, 63.5]
  static let openEdges = [3.5, 15.5, 63.5, 255.5]
  /// Share that the foremost service or outcome must have, or the state is "mixed".
  static let foremost = 0.6
}
