import Tiers

@main struct DomainMonitor {
  static func main() async { await DomainCommand.main() }
}
