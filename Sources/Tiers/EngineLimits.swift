import Correlation
import Detection
import Flows
import Response
import Terms

/// Every limit that a topology can override.
public enum EngineLimits {
  public static let all: [EngineLimit] =
    [DetectionPipeline.workers] + FlowLimits.all + DetectorCatalog.limits
    + SessionCatalog.limits + ProfileCatalog.limits + CorrelatorCatalog.limits + Resolver.limits
}
