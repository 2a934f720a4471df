import Reports
import Terms
import Testing

@testable import Analysis

private struct Inner: Codable, Hashable {
  var name: String
  var share: Double?
}

private struct Outer: Codable, Equatable {
  var count: Int
  var missing: Inner?
  var list: [Inner?]
  var table: [String: [UInt16: Inner]]
  var set: Set<UInt8>
  var times: [CaptureTime: IPPrefix]
  var note: String?
  var remade = Remade<[Int]>()

  static func == (left: Outer, right: Outer) -> Bool {
    (left.count, left.missing, left.list, left.set, left.note)
      == (right.count, right.missing, right.list, right.set, right.note)
      && left.table == right.table && left.times == right.times
  }
}

/// As `Inner`, but for the name of a field.
private struct Renamed: Codable {
  var title: String
  var share: Double?
}

private func sample() -> Outer {
  var sample = Outer(
    count: -7, missing: nil, list: [nil, Inner(name: "a", share: 0.5), nil],
    table: ["x": [7: Inner(name: "b")], "": [:]], set: [1, 255],
    times: [.distantPast: IPPrefix(IPAddress(v4: 0x0a00_0000), length: 8)], note: "ü")
  sample.remade.value = [1, 2]
  return sample
}

private func bytes(_ value: some Encodable) throws -> [UInt8] {
  let encoder = StateEncoder()
  try encoder.encode(value)
  return encoder.bytes
}

@Suite struct StateCodingTests {
  @Test func aStateReadsAsItWasWritten() throws {
    let decoder = StateDecoder(try bytes(sample()))
    let read = try decoder.decode(Outer.self)
    #expect(decoder.isAtEnd)
    #expect(read == sample())
    #expect(read.remade.value.isEmpty)
  }

  @Test func aReportKeepsEveryField() throws {
    guard let monitor = MonitorName("dmz") else { throw StateFault("", at: 0) }
    var report = Report(
      id: ReportID(high: 1, low: .max), kind: .portScan, reportClass: .detection, monitor: monitor,
      tier: .domain, first: .distantPast, last: CaptureTime(nanoseconds: 3), raised: .distantFuture,
      emitted: CaptureTime(nanoseconds: -4), severity: 0.1 + 0.2, confidence: 1 / 3)
    report.sources = AddressSet((0..<200).map { IPAddress(v4: $0) })
    report.attributes = ["a": .text("b"), "c": .mac(MACAddress(bits: 0x0102_0304_0506))]
    report.terms = [Term("x", 1, threshold: nil), Term("y", 2, threshold: 0)]
    let decoder = StateDecoder(try bytes([report, report]))
    #expect(try decoder.decode([Report].self) == [report, report])
  }

  @Test func anotherLayoutIsRefused() throws {
    let written = try bytes(Inner(name: "a", share: nil))
    #expect(throws: StateFault.self) { try StateDecoder(written).decode(Renamed.self) }
  }

  @Test func cutAndDamagedBytesNeverTrap() throws {
    let whole = try bytes(sample())
    for length in whole.indices {
      #expect(throws: (any Error).self) {
        try StateDecoder(Array(whole[..<length])).decode(Outer.self)
      }
    }
    for index in whole.indices {
      for bit in 0..<8 {
        var damaged = whole
        damaged[index] ^= 1 << bit
        _ = try? StateDecoder(damaged).decode(Outer.self)
      }
    }
  }
}
