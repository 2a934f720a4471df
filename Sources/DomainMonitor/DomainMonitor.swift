import Tiers

@main struct DomainMonitor {
  static func main() async { await Program.run(DomainCommand.self) }
}
