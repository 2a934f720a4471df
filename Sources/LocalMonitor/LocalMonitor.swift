import Tiers

@main struct LocalMonitor {
  static func main() async { await LocalCommand.main() }
}
