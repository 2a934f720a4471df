import Archive
import Hierarchy
import Links
import Logging
import Metrics
import Monitoring
import Reports
import ServiceLifecycle
import Terms

#if canImport(Glibc)
  import Glibc
#endif

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

  /// The host's monotonic clock.
  static func hostTime() -> HostTime {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return HostTime(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
  }

  /// The host's clock as event time: what live traffic is stamped with.
  static func wallClock() -> CaptureTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return CaptureTime(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
  }
}
