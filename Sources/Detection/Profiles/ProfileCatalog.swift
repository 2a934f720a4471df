import Analysis
import Flows
import Terms

/// The one list of engines that learn what is usual and hear what the others report, beside
/// `DetectorCatalog` and `SessionCatalog`.
public enum ProfileCatalog {
  /// Fresh engines for one segment, with what was learned before.
  public static func engines(_ context: DetectionContext) -> [any AnalysisEngine<FlowEvent>] {
    [UsageProfiles(context), SessionClasses(context), ServiceHealth(context)]
  }

  /// All limits of these engines, in their order.
  public static let limits: [EngineLimit] =
    UsageProfiles.limits + SessionClasses.limits + ServiceHealth.limits
}
