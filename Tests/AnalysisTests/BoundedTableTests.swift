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

  @Test func aCopyKeepsItsOwn() {
    var table = BoundedTable(capacity: 65_536, empty: 0)
    let slot = table.admit(key(1), asOf: time(0), until: time(10))
    table[slot] = 1
    var copy = table
    copy[copy.admit(key(2), asOf: time(0), until: time(10))] = 2
    copy.remove(copy.find(key(1)))
    #expect(table.count == 1 && table[table.find(key(1))] == 1 && table.find(key(2)) < 0)
    #expect(copy.count == 1 && copy[copy.find(key(2))] == 2 && copy.find(key(1)) < 0)
  }

  /// Engines walk through the slots to tell what is due: their order must not depend on what was
  /// there before.
  @Test func theOrderOfSlotsIsThatOfTheKeysAlone() {
    func keys(_ numbers: [UInt32], after others: Range<UInt32>) -> [TableKey] {
      var table = BoundedTable(capacity: 4096, empty: 0)
      for number in others { _ = table.admit(key(number), asOf: time(0), until: time(1)) }
      table.removeAll()
      for number in numbers { _ = table.admit(key(number), asOf: time(2), until: time(3)) }
      return table.slots.map { table.key($0) }
    }
    for count in [20, 600] as [UInt32] {
      let numbers = Array(0..<count)
      let fresh = keys(numbers, after: 0..<0)
      #expect(fresh.count == numbers.count)
      #expect(fresh == keys(numbers, after: 5000..<7000))
    }
  }

  @Test func aSlotIsNotForgottenByAKeyThatTurnedAway() {
    var table = BoundedTable(capacity: 8, empty: 0)
    let asked = table.vacancy(for: key(1), asOf: time(0))
    #expect(asked == table.vacancy(for: key(2), asOf: time(0)))
    table.occupy(asked, with: key(2), until: time(5))
    #expect(table.find(key(2)) == asked && table.find(key(1)) < 0)
    #expect(table.hold(asked) == time(5) && table.isOccupied(asked))
  }
}
