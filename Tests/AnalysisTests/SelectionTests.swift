import Analysis
import Testing

@Suite struct SelectionTests {
  private static let lists: [[Int]] = {
    var state: UInt64 = 9
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    return [
      [], [3], Array(0..<200), Array((0..<200).reversed()), Array(repeating: 7, count: 100),
      (0..<100).map { $0 < 50 ? $0 : 100 - $0 }, (0..<1000).map { _ in random(1000) },
      (0..<1000).map { _ in random(4) },
    ]
  }()

  @Test(arguments: lists) func theLeastAreThoseThatASortPutsFirst(list: [Int]) {
    for count in [0, 1, 2, list.count / 8 + 1, list.count - 1, list.count, list.count + 1]
    where count >= 0 {
      #expect(list.least(count).sorted() == Array(list.sorted().prefix(count)))
    }
  }
}
