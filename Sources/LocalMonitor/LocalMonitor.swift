import Tiers

@main struct LocalMonitor {
  static func main() async { await Program.run(LocalCommand.self) }
}
