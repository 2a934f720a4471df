import ArgumentParser
import Foundation
import Signatures
import Tiers

/// `beryl rules check`
struct RulesCheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Finds rules that are not evaluated and says why; checks directives.",
    discussion: """
      Takes files in the language of Suricata and Snort, plain or packed with gzip or zstd. A rule \
      is supported when every one of its keywords is evaluated as it is meant; one that is not is \
      never loaded in part. Prints how many rules are supported, then the others grouped by \
      keyword and reason with the places of the first, or of all with --all.

      Files of directives (YAML; a folder means all in it) are told by their content: every fault \
      is printed as FILE:LINE:COLUMN: MESSAGE [RULE], and every example is run. They are checked \
      against the schema beside them, or the topology's.

      $HOME_NET is what the topology's segments are made of, without --topology the private \
      networks; $EXTERNAL_NET is everything else. --set gives a variable another value.

      Examples:
        beryl rules check emerging.rules
        beryl rules check topology/directives
        beryl rules check --all rules/*.rules | grep pcre
        beryl rules check --topology topology/acme.yaml etopen.rules.zst
        beryl rules check --set 'HTTP_PORTS=[80,8080]' local.rules
        beryl rules check --json local.rules | jq '.unsupported[].keyword'

      With --json one object: {"supported": N, "unsupported": [{"file", "line", "sid", \
      "keyword", "reason"}]}; "sid" is null for a rule without one, "keyword" empty where the \
      head or the form of the rule is at fault.

      Exit codes: 0 the files were read, whatever their rules; 2 a file cannot be read, a \
      variable or the topology is faulty, or a directive is or fails an example.
      """)

  @Argument(help: "The rule files; - is standard input.", completion: .file())
  var files: [String]

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  @Flag(help: "List every rule that is not supported.")
  var all = false

  @Option(
    help: "The topology whose prefixes are $HOME_NET.",
    completion: .file(extensions: ["yaml", "yml"]))
  var topology: String?

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("A variable, as NAME=VALUE; may be repeated.", valueName: "definition"))
  var definitions: [String] = []

  func run() async throws {
    try await exiting {
      let directives = files.filter(DirectiveCheck.recognises)
      let signatures = files.filter { !directives.contains($0) }
      if !signatures.isEmpty { try checkSignatures(signatures) }
      guard !directives.isEmpty else { return }
      let outcome = try DirectiveCheck(topology: topology, files: directives).run(directives)
      print(json ? try JSONText.of(outcome) : outcome.text)
      if !outcome.faults.isEmpty { throw BerylExit.badInput }
    }
  }

  private func checkSignatures(_ files: [String]) throws {
    var variables = RuleVariables()
    if let topology { variables = RuleVariables(topology: try loadTopology(topology)) }
    try variables.define(definitions, option: "--set")
    let rules = try RuleFiles.load(files, variables: variables)
    if json {
      print(try JSONText.of(RuleCheckSummary(rules)))
    } else {
      print(RuleCheckTable(rules, showsAll: all).text)
    }
  }
}

/// The answer in JSON.
private struct RuleCheckSummary: Encodable {
  struct Row: Encodable {
    let file: String
    let line: Int
    @Nullable var sid: UInt32?
    let keyword: String
    let reason: String

    init(_ row: UnsupportedRule) {
      file = row.file
      line = row.line
      _sid = Nullable(wrappedValue: row.signature)
      keyword = row.keyword
      reason = row.reason
    }
  }

  let supported: Int
  let unsupported: [Row]

  init(_ rules: RuleSet) {
    supported = rules.rules.count
    unsupported = rules.unsupported.map(Row.init)
  }
}
