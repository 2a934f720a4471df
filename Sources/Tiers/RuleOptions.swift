import ArgumentParser
import Signatures

/// Signature rules on a local monitor's command line.
public struct RuleOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Hold traffic against rule files of Suricata or Snort (plain, gzip or zstd).",
      valueName: "file"))
  public var rules: [String] = []

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "What a variable of the rules stands for, such as HOME_NET=[10.0.0.0/8]; HOME_NET is the "
        + "topology's prefixes where nothing is said.",
      valueName: "name=value"))
  public var ruleVariable: [String] = []

  @Option(
    help: ArgumentHelp(
      "The folder that keeps compiled rules; $XDG_CACHE_HOME/beryl where nothing is said, 'none' "
        + "for no cache.",
      valueName: "folder"))
  public var rulesCache: String?

  public init() {}

  /// Loads the rules, and says what they are; nil without any.
  ///
  /// - Parameter others: rule files where the command line names none.
  func load(
    _ variables: RuleVariables, unlessGiven others: [String] = []
  ) throws -> SignatureSet? {
    let files = rules.isEmpty ? others : rules
    guard !files.isEmpty else { return nil }
    var variables = variables
    try variables.define(ruleVariable, option: "--rule-variable")
    let folder = rulesCache ?? RuleCache.standardDirectory
    let (loaded, notes) = try RuleLoading(
      paths: files, variables: variables, cacheDirectory: folder == "none" ? nil : folder
    ).load()
    for note in notes { complain(note) }
    return loaded
  }
}
