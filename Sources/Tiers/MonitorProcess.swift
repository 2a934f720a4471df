import Foundation
import Logging
import Monitoring
import ServiceLifecycle
import Terms

/// A monitor as a process: a `MonitorNode` whose directives are obeyed with sockets, SQLite and
/// captures.
public struct MonitorProcess: ServiceLifecycle.Service {
  /// Host milliseconds between two ticks.
  static let tickMilliseconds: UInt64 = 50

  private let settings: MonitorSettings
  private let logger: Logger

  public init(settings: MonitorSettings, logger: Logger) {
    self.settings = settings
    self.logger = logger
  }

  /// Runs until the graceful shutdown begins; throws when the monitor cannot start or cannot keep
  /// what it receives.
  public func run() async throws {
    let mailbox = Mailbox<MonitorInput>()
    var loop = try await MonitorLoop(settings: settings, logger: logger, mailbox: mailbox)
    try await withGracefulShutdownHandler {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(Self.tickMilliseconds))
            mailbox.put(.tick)
          }
        }
        defer { group.cancelAll() }
        try await loop.run()
      }
    } onGracefulShutdown: {
      mailbox.put(.stop)
    }
  }

  private static let origin = ContinuousClock.now

  /// The host's monotonic clock, from about the process's start.
  static func hostTime() -> HostTime {
    // The origin first: it is made when it is first read.
    let elapsed = origin.duration(to: .now).components
    let seconds = UInt64(clamping: elapsed.seconds)
    return HostTime(
      nanoseconds: seconds &* 1_000_000_000
        &+ UInt64(clamping: elapsed.attoseconds / 1_000_000_000))
  }

  /// The host's clock as event time: what live traffic is stamped with.
  static func wallClock() -> CaptureTime { CaptureTime(seconds: Date().timeIntervalSince1970) }
}
