import ArgumentParser

/// What Beryl's programs exit with.
public enum BerylExit {
  /// Done, and every expectation met.
  public static let success = ExitCode(0)
  /// It ran, but an expectation was not met, or it failed on the way.
  public static let failure = ExitCode(1)
  /// Bad input: a faulty file, an unknown name, a wrong option.
  public static let badInput = ExitCode(2)
}
