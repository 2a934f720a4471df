/// An engine that says what its bounded tables had to turn away: "quiet because blind" must be
/// seen.
public protocol LossCounting {
  /// Keys refused, and contributions dropped, so far.
  var losses: UInt64 { get }
}
