import ArgumentParser
import Terms

/// `beryl-domain`
public struct DomainCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "beryl-domain",
    abstract: "Correlates the reports of the monitors below it, and reports to the one above.",
    discussion: """
      EXAMPLE
        beryl-domain --topology topology/acme.yaml --monitor hq --state state --pki pki

      It runs until SIGINT or SIGTERM. Exit codes: 0 stopped, 1 failed, 2 bad input.
      """)

  @OptionGroup var options: MonitorOptions

  public init() {}

  public func run() async throws { try await options.run(tier: .domain, input: .none) }
}

/// `beryl-enterprise`
public struct EnterpriseCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "beryl-enterprise",
    abstract: "Correlates the reports of all domains.",
    discussion: """
      EXAMPLE
        beryl-enterprise --topology topology/acme.yaml --monitor acme --state state --pki pki

      It runs until SIGINT or SIGTERM. Exit codes: 0 stopped, 1 failed, 2 bad input.
      """)

  @OptionGroup var options: MonitorOptions

  public init() {}

  public func run() async throws { try await options.run(tier: .enterprise, input: .none) }
}
