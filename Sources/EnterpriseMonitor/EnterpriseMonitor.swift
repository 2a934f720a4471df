import Tiers

@main struct EnterpriseMonitor {
  static func main() async { await EnterpriseCommand.main() }
}
