import Hierarchy
import Signatures
import Terms

/// How one monitor's process runs: what its command line says.
public struct MonitorSettings: Sendable {
  public var topology: Topology
  public var monitor: MonitorName
  /// Folders of the archives (`NAME.sqlite`) and of the certificates (`NAME.pem`, `NAME.key`,
  /// `ca.pem`).
  public var stateDirectory: String
  public var pkiDirectory: String
  /// The live lane of a local monitor: its interface, a capture file, or nothing.
  public var input: Input
  /// Rules that a local monitor holds its traffic against.
  public var signatures: SignatureSet?
  /// Threads that analyse packets; nil for what the topology says.
  public var workers: Int?

  public enum Input: Sendable {
    case interface
    case file(path: String, pace: Pace)
    /// Blind: only drills bring packets.
    case none
    /// A segment without traffic: the lane ends at once.
    case silence
  }

  public init(
    topology: Topology, monitor: MonitorName, stateDirectory: String, pkiDirectory: String,
    input: Input
  ) {
    self.topology = topology
    self.monitor = monitor
    self.stateDirectory = stateDirectory
    self.pkiDirectory = pkiDirectory
    self.input = input
  }
}

/// How fast a capture file is played, and where in event time.
public struct Pace: Sendable, Hashable {
  /// Event seconds per host second; nil for as fast as possible.
  public var speed: Double?
  /// The event time that is "now" when playing begins; nil for the capture's own first packet.
  public var origin: CaptureTime?
  /// Added to every packet's time.
  public var offset: TimeSpan

  public init(speed: Double? = nil, origin: CaptureTime? = nil, offset: TimeSpan = .zero) {
    self.speed = speed
    self.origin = origin
    self.offset = offset
  }

  public static let full = Pace()
}
