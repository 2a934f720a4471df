import Analysis
import Flows
import Terms

/// The one list of detectors that read sessions, beside `DetectorCatalog`.
public enum SessionCatalog {
  /// Fresh engines for one segment.
  public static func engines(
    _ context: DetectionContext
  ) -> [any AnalysisEngine<SessionEvent>] {
    [
      DNSSpoof(context),
      NamePoisoning(context),
      DNSTunnel(context),
      MalformedDNS(context),
      ZoneTransfer(context),
      NameServerProbe(context),
      QueryFlood(context),
      ServiceProbe(context),
      DHCPServers(context),
      DHCPStarvation(context),
      WebAttack(context),
      WebScan(context),
      HTTPFlood(context),
      RangeRequests(context),
      LoginOutcomes(context),
      SmtpAbuse(context),
      CleartextCredentials(context),
      OverflowAttempt(context),
      ReverseShell(context),
      LateralMovement(context),
      Exposure(context),
      ContentPrevalence(context),
      StreamEvasion(context),
      LoginRecords(context),
      LeaseRecords(context),
    ]
  }

  /// All limits of these engines, in their order.
  public static let limits: [EngineLimit] =
    DNSSpoof.limits + NamePoisoning.limits + DNSTunnel.limits + MalformedDNS.limits
    + ZoneTransfer.limits + NameServerProbe.limits + QueryFlood.limits + ServiceProbe.limits
    + DHCPServers.limits + DHCPStarvation.limits
    + WebAttack.limits + WebScan.limits + HTTPFlood.limits + RangeRequests.limits
    + LoginOutcomes.limits + SmtpAbuse.limits
    + CleartextCredentials.limits + OverflowAttempt.limits + ReverseShell.limits
    + LateralMovement.limits + Exposure.limits + ContentPrevalence.limits
    + StreamEvasion.limits + LoginRecords.limits + LeaseRecords.limits + SignatureReports.limits
}

extension SessionEvent: TimedEvent {
  public var eventTime: CaptureTime { time }
}
