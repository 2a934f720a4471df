import Foundation
import Replay
import Synchronization
import Tiers
import UnixSignals

/// Runs `body`; SIGINT or SIGTERM cancels it, so that it can stop its processes first.
func interruptible<Value: Sendable>(
  _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Value?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      for await signal in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
        throw StartRefusal("interrupted by \(signal)")
      }
      return nil
    }
    defer { group.cancelAll() }
    while let value = try await group.next() {
      if let value { return value }
    }
    throw CancellationError()
  }
}

/// A progress bar that the drivers can update from wherever they run.
final class ProgressBox: Sendable {
  private let bar: Mutex<ProgressBar>

  init(_ title: String) { bar = Mutex(ProgressBar(title)) }

  func update(_ share: Double, _ note: String) { bar.withLock { $0.update(share, note: note) } }

  func finish() { bar.withLock { $0.finish() } }
}
