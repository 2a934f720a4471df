import Synchronization

/// Where threads and event loops leave what a monitor's loop should handle; taken as one run, so
/// that what came together shares one commit.
final class Mailbox<Item: Sendable>: Sendable {
  private struct State {
    var items: [Item] = []
    var waiter: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())

  func put(_ item: Item) {
    let waiter = state.withLock { state in
      state.items.append(item)
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }

  /// Waits until there is something, and takes it all. For one reader only.
  func takeAll() async -> [Item] {
    await withCheckedContinuation { (waiter: CheckedContinuation<Void, Never>) in
      let isReady = state.withLock { state in
        guard state.items.isEmpty else { return true }
        state.waiter = waiter
        return false
      }
      if isReady { waiter.resume() }
    }
    return state.withLock { state in
      defer { state.items = [] }
      return state.items
    }
  }
}
