import Analysis
import Flows
import Terms

/// The one list of detectors: what runs in a local monitor, and every limit it can be tuned by.
public enum DetectorCatalog {
  /// Fresh engines for one segment.
  public static func engines(_ context: DetectionContext) -> [any AnalysisEngine<FlowEvent>] {
    [
      PortScan(context),
      PingSweep(context),
      SynFlood(context),
      UdpFlood(context),
      IcmpFlood(context),
      ArpSpoof(context),
      BruteForce(context),
      SmurfAttack(context),
      LandAttack(context),
      FragmentAttack(context),
      Amplification(context),
      SlowConnections(context),
      MacFlood(context),
      SpoofedSource(context),
      BulkTransfer(context),
      IcmpTunnel(context),
      Beacon(context),
      FirstContacts(context),
      IngressRates(context),
    ]
  }

  /// All limits of all engines, in the engines' order.
  public static let limits: [EngineLimit] =
    PortScan.limits + PingSweep.limits + SynFlood.limits + UdpFlood.limits + IcmpFlood.limits
    + ArpSpoof.limits + BruteForce.limits + SmurfAttack.limits + LandAttack.limits
    + FragmentAttack.limits + Amplification.limits + SlowConnections.limits + MacFlood.limits
    + SpoofedSource.limits + BulkTransfer.limits + IcmpTunnel.limits
    + Beacon.limits + FirstContacts.limits + IngressRates.limits
}
