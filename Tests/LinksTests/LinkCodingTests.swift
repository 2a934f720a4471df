import Monitoring
import Reports
import Terms
import Testing

@testable import Links

@Suite struct LinkCodingTests {
  /// One of each.
  private static let messages: [LinkMessage] = [
    .hello(hello()), .welcome(Welcome(monitor: hq, positions: [.live: 7, LaneName("d"): 0])),
    .refusal(Refusal(.wrongSchema, "häuser")),
    .batch(
      Batch(
        lane: LaneName("d"), entries: [report(1, emitted: 2), report(9, emitted: 3)], through: 12,
        watermark: .distantFuture)),
    .acknowledgement(.live, through: .max),
    .heartbeat(Heartbeat(watermarks: [.live: .distantPast], losses: ["capture.dropped": 3])),
    .goodbye(reason: "done"), .statusRequest,
    .statusReply(
      MonitorStatus(
        monitor: hq, tier: .domain, parentInUse: branch,
        lanes: [
          .init(
            name: .live, watermark: CaptureTime(nanoseconds: 5), received: 1, produced: 2,
            acknowledged: 3, spooled: 4, sentBytes: 5)
        ],
        children: [
          .init(name: dmz, isConnected: true, isAlive: false, watermark: .distantFuture)
        ], losses: ["a": 1], packets: 2, bytes: 3, uptime: 4.5, processID: 6)),
    .reportsRequest(ReportsRequest(lane: .live, classes: [.incident], after: 4, limit: 100)),
    .lookupRequest([ReportID(high: 1, low: .max), ReportID(high: 2, low: 3)]),
    .reportsReply(ReportsReply(lane: .live, entries: [report(5, emitted: 1)], next: 5)),
    .reportsReply(ReportsReply(lane: .live, entries: [], next: nil)),
    .drillBegin(DrillBegin(lane: LaneName("d"), capture: "a.pcap", speed: 10)),
    .drillBegin(DrillBegin(lane: LaneName("d"), capture: nil, speed: nil)),
    .drillData(DrillData(lane: LaneName("d"), sequence: 3, bytes: [1, 2, 3])),
    .drillDataEnd(LaneName("d")), .drillEnd(LaneName("d")),
    .controlReply(ControlReply(isOK: true, text: "")),
  ]

  private func decode(_ frame: some Sequence<UInt8>) throws(WireFault) -> LinkMessage {
    let bytes = Array(frame)
    let result = bytes.withUnsafeBytes { buffer -> Result<LinkMessage, WireFault> in
      do throws(WireFault) {
        return .success(try LinkCoding.decode(buffer))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  @Test(arguments: messages) func everyMessageSurvivesARoundTrip(message: LinkMessage) throws {
    let frame = LinkCoding.frame(message)
    #expect(frame.prefix(4).reduce(0) { $0 << 8 | Int($1) } == frame.count - 4)
    #expect(try decode(frame.dropFirst(4)) == message)
  }

  @Test(arguments: messages) func rubbishInAMessageNamesTheFault(message: LinkMessage) {
    var chance = SeededGenerator(seed: 11)
    let bytes = Array(LinkCoding.frame(message).dropFirst(4))
    for _ in 0..<150 {
      var mutated = bytes
      for _ in 0...chance.number(4) where !mutated.isEmpty {
        let index = chance.number(mutated.count)
        if chance.number(4) == 0 {
          mutated.removeSubrange(index...)
        } else {
          mutated[index] = UInt8(chance.number(256))
        }
      }
      do throws(WireFault) {
        _ = try decode(mutated)
      } catch {
        #expect(!error.reason.isEmpty)
      }
    }
  }

  @Test func boundsAreChecked() {
    let many = (1...257 as ClosedRange<UInt64>).map { report($0, emitted: 1) }
    let batch = Batch(lane: .live, entries: many, through: 257, watermark: .distantPast)
    #expect(throws: WireFault(field: "batch.entries", reason: "more than 256")) {
      try decode(LinkCoding.frame(.batch(batch)).dropFirst(4))
    }
    let data = DrillData(
      lane: LaneName("d"), sequence: 0, bytes: Array(repeating: 0, count: LinkLimit.drillBytes + 1))
    #expect(throws: WireFault.self) {
      try decode(LinkCoding.frame(.drillData(data)).dropFirst(4))
    }
    let losses = Dictionary(
      uniqueKeysWithValues: (0..<20_000).map { ("counter-\($0)", UInt64($0)) })
    let heartbeat = LinkMessage.heartbeat(Heartbeat(losses: losses))
    #expect(throws: Never.self) { try decode(LinkCoding.frame(heartbeat).dropFirst(4)) }
    #expect(throws: WireFault(field: "envelope", reason: "empty")) { try decode([]) }
  }
}
