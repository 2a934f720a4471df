import Tiers

@main struct EnterpriseMonitor {
  static func main() async { await Program.run(EnterpriseCommand.self) }
}
