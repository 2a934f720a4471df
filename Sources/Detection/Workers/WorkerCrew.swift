import Dispatch
import Foundation
import Synchronization

/// Threads that do one piece of work together, again and again.
///
/// Who begins a piece and waits for it owns what the work touches outside of it: between `begin` and
/// `wait` it is the threads'.
final class WorkerCrew: Sendable {
  typealias Work = @Sendable (_ worker: Int) -> Void

  /// What threads and owner share; the threads live on until it says that they should stop.
  private final class State: Sendable {
    let starts: [DispatchSemaphore]
    let finished = DispatchSemaphore(value: 0)
    let working = Atomic<Int>(0)
    let work = Mutex<Work?>(nil)

    init(count: Int) { starts = (0..<count).map { _ in DispatchSemaphore(value: 0) } }
  }

  private let state: State
  let count: Int

  init(count: Int) {
    self.count = count
    let state = State(count: count)
    self.state = state
    for worker in 0..<count {
      let thread = Thread { Self.run(state, worker) }
      thread.name = "worker \(worker)"
      thread.stackSize = 8 << 20
      thread.start()
    }
  }

  deinit {
    state.work.withLock { $0 = nil }
    for start in state.starts { start.signal() }
  }

  /// Lets all workers do `work`, each once. The piece before must be over.
  func begin(_ work: @escaping Work) {
    state.work.withLock { $0 = work }
    state.working.store(count, ordering: .releasing)
    for start in state.starts { start.signal() }
  }

  /// Whether the last worker is through, so that `wait` does not wait.
  var isDone: Bool { state.working.load(ordering: .acquiring) == 0 }

  /// Waits until the last worker is through.
  func wait() { state.finished.wait() }

  private static func run(_ state: State, _ worker: Int) {
    while true {
      state.starts[worker].wait()
      guard let work = state.work.withLock({ $0 }) else { return }
      work(worker)
      let left = state.working.subtract(1, ordering: .acquiringAndReleasing).newValue
      if left == 0 { state.finished.signal() }
    }
  }
}
