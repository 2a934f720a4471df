import Analysis
import Reports
import Terms

/// How much of a live capture the kernel dropped, window by window: a report when it is too much to
/// be trusted, and a share for every verdict's coverage.
struct CaptureLossWatch: Sendable {
  private static let window = TimeSpan.seconds(10)
  /// Least share and number of dropped packets in a window that are reported.
  private static let leastShare = 0.01
  private static let leastDropped: UInt64 = 100
  /// Windows without such a loss after which the next is another report.
  private static let quiet = TimeSpan.minutes(5)

  let interface: String
  /// Share dropped in the last whole window.
  private(set) var share = 0.0
  private var windowEnd = CaptureTime.distantPast
  private var before: (received: UInt64, dropped: UInt64) = (0, 0)
  private var open: Report?

  init(interface: String) { self.interface = interface }

  /// Takes the counters since the start; returns the report that a window's end brings.
  mutating func note(
    received: UInt64, dropped: UInt64, at time: CaptureTime, _ sink: ReportSink
  ) -> Report? {
    guard time > .distantPast, time < .distantFuture else { return nil }
    if windowEnd == .distantPast {
      windowEnd = time + Self.window
      before = (received, dropped)
    }
    guard time >= windowEnd else { return nil }
    let lost = dropped >= before.dropped ? dropped - before.dropped : 0
    let taken = received >= before.received ? received - before.received : 0
    share = lost == 0 ? 0 : Double(lost) / Double(lost + taken)
    let first = windowEnd - Self.window
    windowEnd = time + Self.window
    before = (received, dropped)
    guard lost >= Self.leastDropped, share >= Self.leastShare else { return nil }
    if let open, time - open.last > Self.quiet { self.open = nil }
    var report =
      open
      ?? sink.opening(
        .captureLoss, subject: "loss", first: first, last: time, at: time, severity: 4,
        confidence: 1)
    if open != nil { report.revision &+= 1 }
    report.emitted = time
    report.last = time
    report.coverage.loss = share
    var total = lost
    if case .count(let earlier)? = report.attributes["dropped"] { total &+= earlier }
    report.attributes = [
      "monitor": .text(sink.monitor.text), "loss": .ratio(share), "dropped": .count(total),
      "interface": .text(interface),
    ]
    report.terms = [
      Term("packets dropped", share, threshold: Self.leastShare, unit: "share"),
      Term("packets dropped", Double(lost), threshold: Double(Self.leastDropped), unit: "packets"),
    ]
    open = report
    return report
  }
}
