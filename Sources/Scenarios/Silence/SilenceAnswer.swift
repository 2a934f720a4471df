import Hierarchy
import Reports
import Terms

/// What was seen of the parties, tier by tier, and what stopped it on its way to a verdict.
public struct SilenceAnswer: Codable, Hashable, Sendable {
  public enum Cause: String, Codable, Sendable {
    /// It was told after all.
    case told
    /// It became part of a larger explanation.
    case absorbed
    /// Informational reports open no incident.
    case severity
    /// The parent does not subscribe to it.
    case filter
    /// The child's budget was spent.
    case budget
    /// It came after its time had been processed.
    case lateness
    /// The evidence stayed below what an engine asks for.
    case threshold
    /// Nobody could see it: no monitor, a silent one, or losses.
    case blindness
    /// Nothing of the parties was seen at all.
    case unseen
    /// None of these.
    case unknown
  }

  /// One report or sum of evidence about the parties.
  public struct Sight: Codable, Hashable, Sendable {
    public var tier: String
    public var monitor: String
    public var text: String
    /// The report's id; nil for a sum over evidence.
    public var id: String?
  }

  public struct Stop: Codable, Hashable, Sendable {
    public var monitor: String
    public var cause: Cause
    public var text: String
  }

  public var seen: [Sight] = []
  public var stops: [Stop] = []

  /// Whether a report of the kind reached a monitor without parents.
  public var wasTold: Bool { stops.contains { $0.cause == .told } }
}

extension SilenceAnswer: CustomStringConvertible {
  public var description: String {
    var lines = ["seen:"]
    lines += seen.isEmpty ? ["  nothing"] : seen.map { "  \($0.tier) \($0.monitor)  \($0.text)" }
    lines.append(wasTold ? "it was told:" : "stopped:")
    lines += stops.map { "  \($0.monitor)  \($0.cause.rawValue): \($0.text)" }
    return lines.joined(separator: "\n")
  }
}
