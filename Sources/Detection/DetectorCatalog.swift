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
      OSFingerprint(context),
      SynFlood(context),
      TcpFlood(context),
      SpreadFlood(context),
      CarpetFlood(context, .tcp),
      CarpetFlood(context, .udp),
      UdpFlood(context),
      ProtocolFlood(context),
      IcmpFlood(context),
      FragmentFlood(context),
      ArpSpoof(context),
      BruteForce(context),
      SmurfAttack(context),
      LandAttack(context),
      FragmentAttack(context),
      Amplification(context),
      SlowConnections(context),
      MacFlood(context),
      MacSpoof(context),
      RogueRouter(context),
      BridgeTakeover(context),
      SpoofedSource(context),
      BulkTransfer(context),
      IcmpTunnel(context),
      Beacon(context),
      FirstContacts(context),
      IngressRates(context),
    ]
  }

  /// All limits of all engines.
  public static let limits: [EngineLimit] = recon + denial + spoofing + others

  private static let recon = PortScan.limits + PingSweep.limits + OSFingerprint.limits
  private static let denial =
    SynFlood.limits + TcpFlood.limits + SpreadFlood.limits + UdpFlood.limits + ProtocolFlood.limits
    + CarpetFlood.limits + IcmpFlood.limits
    + FragmentFlood.limits + SmurfAttack.limits + LandAttack.limits + FragmentAttack.limits
    + Amplification.limits + SlowConnections.limits
  private static let spoofing =
    ArpSpoof.limits + MacFlood.limits + MacSpoof.limits + RogueRouter.limits
    + BridgeTakeover.limits + SpoofedSource.limits
  private static let others =
    BruteForce.limits + BulkTransfer.limits + IcmpTunnel.limits + Beacon.limits
    + FirstContacts.limits + IngressRates.limits
}
