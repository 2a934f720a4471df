/// Makes inputs out of seeds: bits, bytes and numbers changed, pieces cut out, doubled, moved, taken
/// from another seed; most inputs keep enough of their seed to get past a parser's first look.
struct FuzzMutator {
  /// Bytes of an input, at most.
  static let limit = 4096
  private static let words: [UInt64] = [
    0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000,
    0xffff_ffff, 0x7fff_ffff_ffff_ffff, .max,
  ]

  private let seeds: [[UInt8]]
  /// Pieces of text that mean something to the parser.
  private let tokens: [[UInt8]]
  private var chance: FuzzChance
  private(set) var input: [UInt8] = []

  init(seeds: [[UInt8]], tokens: [[UInt8]], seed: UInt64) {
    self.seeds = seeds.isEmpty ? [[0]] : seeds
    self.tokens = tokens
    chance = FuzzChance(seed: seed)
    input.reserveCapacity(Self.limit * 2)
  }

  /// The next input, in `input`.
  mutating func next() {
    input.removeAll(keepingCapacity: true)
    input.append(contentsOf: seeds[chance.below(seeds.count)])
    // One change in half of the inputs, on average two.
    var changes = 1
    while changes < 16, chance.next() & 1 == 0 { changes += 1 }
    for _ in 0..<changes { change() }
    if input.count > Self.limit { input.removeLast(input.count - Self.limit) }
  }

  private mutating func change() {
    guard !input.isEmpty else {
      input.append(UInt8(truncatingIfNeeded: chance.next()))
      return
    }
    let at = chance.below(input.count)
    switch chance.below(12) {
    case 0, 1: input[at] ^= 1 << UInt8(chance.below(8))
    case 2: input[at] = UInt8(truncatingIfNeeded: chance.next())
    case 3: input[at] &+= UInt8(truncatingIfNeeded: chance.below(17)) &- 8
    case 4, 5: write(Self.words[chance.below(Self.words.count)], at: at)
    case 6: input.removeSubrange(at..<min(input.count, at + 1 + chance.below(16)))
    case 7: input.removeSubrange(at...)
    case 8: double(at)
    case 9: splice(at)
    case 10: insert(at)
    default: runs(at)
    }
  }

  /// A number of 1, 2, 4 or 8 bytes, in either order.
  private mutating func write(_ word: UInt64, at: Int) {
    let size = 1 << chance.below(4)
    let isBig = chance.next() & 1 == 0
    for place in 0..<size where at + place < input.count {
      let shift = UInt64(isBig ? size - 1 - place : place) * 8
      input[at + place] = UInt8(truncatingIfNeeded: word &>> shift)
    }
  }

  private mutating func double(_ at: Int) {
    let piece = Array(input[at..<min(input.count, at + 1 + chance.below(64))])
    input.insert(contentsOf: piece, at: chance.below(input.count + 1))
  }

  /// The rest is another seed's.
  private mutating func splice(_ at: Int) {
    let other = seeds[chance.below(seeds.count)]
    guard !other.isEmpty else { return }
    input.removeSubrange(at...)
    input.append(contentsOf: other[chance.below(other.count)...])
  }

  private mutating func insert(_ at: Int) {
    if tokens.isEmpty || chance.next() & 3 == 0 {
      let count = 1 + chance.below(8)
      input.insert(
        contentsOf: (0..<count).map { _ in UInt8(truncatingIfNeeded: chance.next()) }, at: at)
    } else {
      input.insert(contentsOf: tokens[chance.below(tokens.count)], at: at)
    }
  }

  /// A long run of one byte: what overflows, or never ends.
  private mutating func runs(_ at: Int) {
    let byte = chance.next() & 1 == 0 ? input[at] : UInt8(truncatingIfNeeded: chance.next())
    input.insert(contentsOf: repeatElement(byte, count: 1 + chance.below(400)), at: at)
  }
}
