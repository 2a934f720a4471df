/// A set of places in the flow table, one bit each, with a hand that goes round: in a flood it
/// meets places in the order they were filled, so the oldest go first.
struct FlowSet: ~Copyable {
  private let words: UnsafeMutablePointer<UInt64>
  private let wordCount: Int
  private var count = 0
  private var hand = 0

  init(capacity: Int) {
    wordCount = (capacity + 63) / 64
    words = LazyPages.allocate(UInt64.self, count: wordCount)
  }

  deinit { LazyPages.free(words, count: wordCount) }

  @inline(__always) func contains(_ place: Int) -> Bool {
    words[place &>> 6] &>> UInt64(place & 63) & 1 != 0
  }

  @inline(__always) mutating func insert(_ place: Int) {
    let bit: UInt64 = 1 &<< UInt64(place & 63)
    if words[place &>> 6] & bit == 0 {
      words[place &>> 6] |= bit
      count &+= 1
    }
  }

  @inline(__always) mutating func remove(_ place: Int) {
    let bit: UInt64 = 1 &<< UInt64(place & 63)
    if words[place &>> 6] & bit != 0 {
      words[place &>> 6] &= ~bit
      count &-= 1
    }
  }

  /// The next member from the hand on, which moves behind it; nil when the set is empty. At most
  /// one round: a few thousand words.
  mutating func next() -> Int? {
    guard count > 0 else { return nil }
    var word = hand &>> 6
    var rest = words[word] & (UInt64.max &<< UInt64(hand & 63))
    for _ in 0...wordCount {
      if rest != 0 {
        let place = word &<< 6 &+ rest.trailingZeroBitCount
        hand = (place &+ 1) &>> 6 < wordCount ? place &+ 1 : 0
        return place
      }
      word = word &+ 1 < wordCount ? word &+ 1 : 0
      rest = words[word]
    }
    return nil
  }
}
