/// Finds many short words in one pass (Aho & Corasick, "Efficient string matching", CACM 1975):
/// one look into a table per byte, whatever the number of words.
struct TokenMatcher: Sendable {
  private let classes: [UInt8]
  private let classCount: Int
  /// Next state by state and class; `ends` where a word ends in it or on its failure path.
  private let next: [UInt16]
  private static let ends: UInt16 = 0x8000
  /// The word that ends in a state, and the nearest state on its failure path where one ends.
  private let word: [Int16]
  private let shorter: [UInt16]

  /// - Parameters:
  ///   - words: in lower case; at most 32,767 bytes together.
  ///   - foldsCase: the text may have capitals; else it must be in lower case.
  init(_ words: [String], foldsCase: Bool = false) {
    var classes = [UInt8](repeating: 0, count: 256)
    var classCount = 1
    for byte in words.flatMap(\.utf8) where classes[Int(byte)] == 0 && classCount < 255 {
      classes[Int(byte)] = UInt8(classCount)
      classCount += 1
    }
    var trie = [[UInt16]](repeating: Array(repeating: 0, count: classCount), count: 1)
    var ends: [Int16] = [-1]
    for (index, text) in words.enumerated() {
      var state = 0
      for byte in text.utf8 {
        let kind = Int(classes[Int(byte)])
        if trie[state][kind] == 0 {
          trie[state][kind] = UInt16(truncatingIfNeeded: trie.count)
          trie.append(Array(repeating: 0, count: classCount))
          ends.append(-1)
        }
        state = Int(trie[state][kind])
      }
      if ends[state] < 0 { ends[state] = Int16(truncatingIfNeeded: index) }
    }
    let shorter = Self.link(&trie, ends, classCount)
    if foldsCase {
      for byte in 0x41...0x5a { classes[byte] = classes[byte | 0x20] }
    }
    next = trie.flatMap { $0 }.map { state in
      ends[Int(state)] >= 0 || shorter[Int(state)] != 0 ? state | Self.ends : state
    }
    word = ends
    self.shorter = shorter
    self.classes = classes
    self.classCount = classCount
  }

  /// Fills the gaps of the trie with where a mismatch leads, in breadth-first order.
  private static func link(
    _ trie: inout [[UInt16]], _ ends: [Int16], _ classCount: Int
  ) -> [UInt16] {
    var failure = [Int](repeating: 0, count: trie.count)
    var shorter = [UInt16](repeating: 0, count: trie.count)
    var queue: [Int] = trie[0].filter { $0 != 0 }.map(Int.init)
    var head = 0
    while head < queue.count {
      let state = queue[head]
      head += 1
      let back = failure[state]
      shorter[state] = ends[back] >= 0 ? UInt16(back) : shorter[back]
      for kind in 0..<classCount {
        let child = Int(trie[state][kind])
        if child == 0 {
          trie[state][kind] = trie[back][kind]
        } else {
          failure[child] = Int(trie[back][kind])
          queue.append(child)
        }
      }
    }
    return shorter
  }

  /// Calls `found` with each word's index and the place behind it.
  func scan(_ text: some Collection<UInt8>, _ found: (Int, Int) -> Void) {
    if text.withContiguousStorageIfAvailable({ scan($0, found) }) == nil {
      Array(text).withUnsafeBufferPointer { scan($0, found) }
    }
  }

  private func scan(_ text: UnsafeBufferPointer<UInt8>, _ found: (Int, Int) -> Void) {
    let classCount = classCount
    classes.withUnsafeBufferPointer { classes in
      next.withUnsafeBufferPointer { next in
        var state = 0
        for place in 0..<text.count {
          let step = next[state &* classCount &+ Int(classes[Int(text[place])])]
          state = Int(step & ~Self.ends)
          // Nearly everywhere no word ends.
          if step & Self.ends == 0 { continue }
          var hit = state
          while hit != 0 {
            if word[hit] >= 0 { found(Int(word[hit]), place &+ 1) }
            hit = Int(shorter[hit])
          }
        }
      }
    }
  }
}
