import Analysis
import Terms
import Testing

@Suite struct BoundedTableTests {
  private func key(_ number: UInt32) -> TableKey { TableKey(IPAddress(v4: number)) }
  private func time(_ seconds: Int) -> CaptureTime {
    CaptureTime(nanoseconds: Int64(seconds) * 1_000_000_000)
  }

  @Test func aFloodOfNewKeysNeverPushesOutAHeldOne() {
    var table = BoundedTable(capacity: 64, empty: 0)
    for number in 0..<8 as Range<UInt32> {
      let slot = table.admit(key(number), asOf: time(0), until: time(1000))
      table[slot] = Int(number) + 1
    }
    for number in 1000..<100_000 as Range<UInt32> {
      _ = table.admit(key(number), asOf: time(1), until: time(1))
    }
    for number in 0..<8 as Range<UInt32> {
      #expect(table[table.find(key(number))] == Int(number) + 1)
    }
    #expect(table.count <= table.capacity)
  }

  @Test func whenAllAreHeldNewcomersAreRefusedAndCounted() {
    var table = BoundedTable(capacity: 8, empty: 0)
    var admitted = 0
    for number in 0..<100 as Range<UInt32>
    where table.admit(key(number), asOf: time(0), until: time(10)) >= 0 { admitted += 1 }
    #expect(admitted == 8)
    #expect(table.refusedCount == 92)
    let late = table.admit(key(500), asOf: time(11), until: time(12))
    #expect(late >= 0)
  }

  @Test func aSlotIsFreshForItsNextKey() {
    var table = BoundedTable(capacity: 8, empty: 0)
    let slot = table.admit(key(1), asOf: time(0), until: time(0))
    table[slot] = 7
    for number in 2..<20 as Range<UInt32> {
      let next = table.admit(key(number), asOf: time(Int(number)), until: time(Int(number)))
      #expect(table[next] == 0)
    }
    #expect(table.find(key(1)) < 0)
  }

  @Test(arguments: [1, 2, 3] as [UInt64]) func itAgreesWithADictionaryWhileThereIsRoom(seed: UInt64)
  {
    var state = seed
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
    var table = BoundedTable(capacity: 4096, empty: 0)
    var model: [UInt32: Int] = [:]
    for turn in 0..<5000 {
      let number = UInt32(next() % 300)
      if next() % 5 == 0 {
        let slot = table.find(key(number))
        if slot >= 0 { table.remove(slot) }
        model[number] = nil
      } else {
        let slot = table.admit(key(number), asOf: time(turn), until: time(100_000))
        #expect(slot >= 0)
        table[slot] = turn
        model[number] = turn
      }
    }
    #expect(table.count == model.count)
    for (number, value) in model { #expect(table[table.find(key(number))] == value) }
  }
}
