/// What an attacker has of a host; each includes those before it.
///
/// The pre- and post-conditions of kinds are stated in these (`KindDefinition.needs`, `.gives`), in
/// the manner of Templeton and Levitt, "A Requires/Provides Model for Computer Attacks" (NSPW
/// 2000), and Ning, Cui and Reeves, "Constructing Attack Scenarios through Correlation of
/// Intrusion Alerts" (CCS 2002).
public enum Foothold: String, Codable, Sendable, Hashable, CaseIterable, Comparable {
  /// Knows that the host is there.
  case host
  /// Knows what it answers on: the report's ports.
  case service
  /// Has tried to get in.
  case entry
  /// Acts on the host, and from it.
  case control

  /// 1 for `host` to 4 for `control`.
  public var level: Int {
    switch self {
    case .host: 1
    case .service: 2
    case .entry: 3
    case .control: 4
    }
  }

  public static func < (left: Foothold, right: Foothold) -> Bool { left.level < right.level }
}

/// Footholds on the two sides of a report.
public struct Footholds: Sendable, Hashable, Codable {
  public var source: Foothold?
  public var target: Foothold?

  public init(source: Foothold? = nil, target: Foothold? = nil) {
    self.source = source
    self.target = target
  }

  public var isEmpty: Bool { source == nil && target == nil }

  /// What the schema's digest is computed over.
  var canonical: String {
    [("source", source), ("target", target)].compactMap { role, foothold in
      foothold.map { "\(role):\($0.rawValue)" }
    }.joined(separator: ",")
  }
}
