import SwiftProtobuf
import Terms
import Testing

@testable import Reports

@Suite struct ReportCodingTests {
  @Test(arguments: 0..<120 as Range<UInt64>)
  func everythingSurvivesARoundTrip(seed: UInt64) throws {
    var random = RandomReport(seed: seed)
    let report = random.next()
    let bytes = ReportCoding.encode(report)
    #expect(try ReportCoding.decode(bytes) == report)
    #expect(bytes.count <= ReportCoding.sizeEstimate(report))
  }

  @Test(arguments: 0..<40 as Range<UInt64>)
  func theGeneratedCodeReadsAndWritesTheSame(seed: UInt64) throws {
    var random = RandomReport(seed: seed)
    let report = random.next()
    let message = try Beryl_V1_Report(serializedBytes: ReportCoding.encode(report))
    #expect(message.unknownFields.data.isEmpty)
    #expect(message.kind == report.kind.text)
    #expect(message.attributes.count == report.attributes.count)
    let bytes: [UInt8] = try message.serializedBytes()
    #expect(try ReportCoding.decode(bytes) == report)
  }

  @Test func equalReportsHaveEqualBytes() {
    for seed in 0..<20 as Range<UInt64> {
      var one = RandomReport(seed: seed)
      var other = RandomReport(seed: seed)
      #expect(ReportCoding.encode(one.next()) == ReportCoding.encode(other.next()))
    }
  }

  @Test func whatIsTooLongIsCutSoThatADecoderTakesIt() throws {
    var random = RandomReport(seed: 1)
    var report = random.next()
    report.ports = Array(0..<1000)
    report.evidence = [
      Evidence(monitor: report.monitor, capture: "c", packets: Array(0..<1000))
    ]
    report.severity = .nan
    report.terms = Array(repeating: Term("t", .infinity, threshold: .nan), count: 100)
    report.attributes = ["text": .text(String(repeating: "ü", count: 2000))]
    report.derivedFrom = Array(repeating: report.id, count: 1000)
    let decoded = try ReportCoding.decode(ReportCoding.encode(report))
    #expect(decoded.ports.count == Report.Limit.ports)
    #expect(decoded.evidence.first?.packets.count == Report.Limit.packets)
    #expect(decoded.terms.count == Report.Limit.terms)
    #expect(decoded.derivedFrom.count == Report.Limit.derivedFrom)
    #expect(decoded.severity == 0)
    #expect(decoded.attributes == ["text": .text(String(repeating: "ü", count: 512))])
  }

  @Test func everyPrefixDecodesOrNamesTheFault() {
    var random = RandomReport(seed: 7)
    let bytes = ReportCoding.encode(random.next())
    for length in 0..<bytes.count {
      do throws(WireFault) {
        _ = try ReportCoding.decode(Array(bytes.prefix(length)))
      } catch {
        #expect(!error.reason.isEmpty)
      }
    }
  }

  @Test(arguments: 0..<8 as Range<UInt64>)
  func mutatedBatchesDecodeOrNameTheFault(seed: UInt64) {
    var random = RandomReport(seed: seed)
    let bytes = ReportCoding.encode((0..<6).map { _ in random.next() })
    var refused = 0
    for _ in 0..<250 {
      var mutated = bytes
      for _ in 0...random.number(8) {
        switch random.number(3) {
        case 0: mutated[random.number(mutated.count)] = UInt8(random.number(256))
        case 1: mutated[random.number(mutated.count)] ^= 1 << UInt8(random.number(8))
        default:
          let start = random.number(mutated.count)
          mutated.removeSubrange(start..<min(mutated.count, start + random.number(9)))
        }
      }
      do throws(WireFault) {
        let reports = try ReportCoding.decodeList(mutated)
        #expect(reports.allSatisfy { $0.ports.count <= Report.Limit.ports })
      } catch {
        refused += 1
        #expect(!error.reason.isEmpty)
      }
    }
    #expect(refused > 0)
  }

  @Test func aFaultNamesThePathToIt() throws {
    var random = RandomReport(seed: 3)
    var report = random.next()
    report.sources = AddressSet([IPAddress(v4: 1), IPAddress(v4: 2)])
    var message = try Beryl_V1_Report(serializedBytes: ReportCoding.encode(report))
    message.sources.v4 = [5, 5]
    var list = Beryl_V1_ReportList()
    list.reports = [try Beryl_V1_Report(serializedBytes: ReportCoding.encode(report)), message]
    let bytes: [UInt8] = try list.serializedBytes()
    #expect(throws: WireFault(field: "reports[1].sources", reason: "a member is repeated")) {
      try ReportCoding.decodeList(bytes)
    }
  }

  @Test func listsBeyondTheirLimitAreRefused() throws {
    var random = RandomReport(seed: 4)
    var message = try Beryl_V1_Report(serializedBytes: ReportCoding.encode(random.next()))
    message.ports = Array(0..<65)
    #expect(throws: WireFault(field: "ports", reason: "more than 64 values")) {
      try ReportCoding.decode(message.serializedBytes())
    }
    message.ports = [70_000]
    #expect(throws: WireFault(field: "ports", reason: "70000 is no port, or not in order")) {
      try ReportCoding.decode(message.serializedBytes())
    }
  }
}
