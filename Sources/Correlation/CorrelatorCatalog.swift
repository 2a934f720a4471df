import Analysis
import Reports

/// The one list of correlators: the same at every tier above the local one.
public enum CorrelatorCatalog {
  /// Fresh engines for one lane of one monitor.
  public static func engines(_ context: CorrelationContext) -> [any AnalysisEngine<Report>] {
    [
      EvidenceMerging(context), AttackFusion(context), DistributedScan(context),
      SlowScan(context), DistributedFlood(context), WormPropagation(context),
      SpreadGuessing(context), DirectiveEngine(context), AttackChains(context),
      FloodingChild(context), ChildClock(context), ForgedReports(context),
      SilenceUnderAttack(context),
    ]
  }

  /// Every limit that a topology can override.
  public static let limits =
    EvidenceMerging.limits + AttackFusion.limits + DistributedScan.limits + SlowScan.limits
    + DistributedFlood.limits + WormPropagation.limits + SpreadGuessing.limits
    + DirectiveEngine.limits + FloodingChild.limits + ChildClock.limits + ForgedReports.limits
    + SilenceUnderAttack.limits + AttackChains.limits
}
