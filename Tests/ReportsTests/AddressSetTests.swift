import Reports
import Terms
import Testing

@Suite struct AddressSetTests {
  private let bots = AddressSet((1...20).map { IPAddress(v4: 0xcb00_7100 + $0) })
  private let crowd = AddressSet((0..<2000).map { IPAddress(v4: 0x0900_0000 + $0 * 7919) })

  @Test func whoIsNamedInFullIsNamedBeforeACrowd() {
    var both = crowd
    both.formUnion(bots)
    #expect(!both.covers(IPAddress(v4: 0xcb00_7101)))
    let named = both.naming([crowd, bots])
    #expect(bots.listed.allSatisfy { named.listed.contains($0) })
    #expect(named.listed.count == AddressSet.listLimit)
    #expect(named.count == both.count)
    #expect(both.naming([bots, crowd]) == named)
  }

  @Test func aSetThatNamesAllStaysAsItIs() {
    #expect(bots.naming([crowd]) == bots)
    #expect(crowd.naming([crowd]) == crowd)
  }
}
