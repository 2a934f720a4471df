import Flows
import Packets
import Terms
import Testing

private func message(_ bytes: [UInt8], port: Int = 53) -> DNSMessage? {
  var story = Story()
  story.datagram("10.0.0.1:4000", "10.0.0.2:\(port)", at: 1, bytes)
  for event in story.sessionEvents() {
    if case .dns(let message) = event.what { return message }
  }
  return nil
}

private func header(_ flags: UInt16, _ counts: [UInt16]) -> [UInt8] {
  [0xab, 0xcd] + Story.word(flags) + counts.flatMap { Story.word($0) }
}

private func name(_ labels: String...) -> [UInt8] {
  labels.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
}

struct DatagramTests {
  @Test func answersAreReadThroughCompression() {
    let question = name("www", "example", "com") + [0, 1, 0, 1]
    let alias: [UInt8] =
      [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 6, 3] + Array("srv".utf8) + [0xc0, 16]
    let address: [UInt8] = [0xc0, 45, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1]
    let message = message(header(0x8180, [1, 2, 0, 0]) + question + alias + address)
    #expect(message?.malformation == DNSMessage.Malformation.none)
    #expect(message?.name == "www.example.com")
    #expect(message?.labelCount == 3)
    #expect(message?.isResponse == true)
    #expect(
      message?.records.map(\.value) == [
        .name("srv.example.com"), .address(IPAddress(v4: 0xc000_0201)),
      ])
    #expect(message?.records.map(\.timeToLive) == [60, 9])
    #expect(message?.records.last?.name == "srv.example.com")
  }

  @Test(arguments: [
    (header(0, [1, 0, 0, 0]) + [0xc0, 12, 0, 1, 0, 1], DNSMessage.Malformation.compressionLoop),
    (header(0, [1, 0, 0, 0]) + [0x40, 0, 0, 1, 0, 1], .badName),
    (header(0, [1, 0, 0, 0]) + [63, 65, 65, 65, 65], .truncated),
    (header(0, [1, 9, 0, 0]) + name("a") + [0, 1, 0, 1], .impossibleCounts),
    (header(0, [1, 0, 0, 0]) + name("a") + [0, 1, 0, 1, 9], .trailingBytes),
    ([1, 2, 3], .truncatedHeader),
    (
      header(0x8000, [0, 1, 0, 0]) + name("a") + [0, 1, 0, 1, 0, 0, 0, 0, 0, 3, 1, 2, 3],
      .badRecord
    ),
  ])
  func malformationsAreNamed(bytes: [UInt8], expected: DNSMessage.Malformation) {
    #expect(message(bytes)?.malformation == expected)
  }

  @Test func theBytesOfABrokenMessageAreToldAsWell() {
    var story = Story()
    let sound = header(0x100, [1, 0, 0, 0]) + name("a") + [0, 1, 0, 1]
    let broken = header(0, [1, 0, 0, 0]) + [0xc0, 12, 0, 1, 0, 1]
    story.datagram("10.0.0.1:4000", "10.0.0.2:53", at: 1, sound)
    story.datagram("10.0.0.1:4000", "10.0.0.2:53", at: 2, broken)
    let told = story.sessionEvents().map { event in
      switch event.what {
      case .dns(let message): "dns \(message.malformation)"
      case .payload(let sample): "bytes \(sample.bytes == broken)"
      default: "else"
      }
    }
    #expect(told == ["dns none", "dns compressionLoop", "bytes true"])
  }

  @Test func aQueryIsKnownByItsContent() {
    let query = header(0x100, [1, 0, 0, 0]) + name("abc", "example") + [0, 16, 0, 1]
    #expect(message(query, port: 9999)?.name == "abc.example")
    #expect(message([1, 2, 3, 4], port: 9999) == nil)
  }

  @Test func whoAnswersIsTheServer() {
    var story = Story()
    let answer = header(0x8180, [1, 0, 0, 0]) + name("a") + [0, 1, 0, 1]
    story.datagram("10.0.0.2:53", "10.0.0.1:4000", at: 1, answer)
    let event = story.sessionEvents().first
    #expect(event?.server == IPAddress("10.0.0.2"))
    #expect(event?.serverPort == 53)
    #expect(event?.sender == IPAddress("10.0.0.2"))
  }

  @Test func namesHoldWhateverBytes() {
    let query = header(0, [1, 0, 0, 0]) + [3, 0x61, 0x2e, 0xff, 0] + [0, 1, 0, 1]
    #expect(message(query)?.name == #"a\046\255"#)
  }

  @Test func aDHCPOfferIsRead() {
    var offer = [UInt8](repeating: 0, count: 240)
    offer[0] = 2
    offer.replaceSubrange(4..<8, with: [1, 2, 3, 4])
    offer.replaceSubrange(16..<20, with: [10, 0, 0, 50])
    offer.replaceSubrange(28..<34, with: [2, 0, 0, 0, 0, 7])
    offer.replaceSubrange(236..<240, with: [0x63, 0x82, 0x53, 0x63])
    offer += [53, 1, 2, 54, 4, 10, 0, 0, 9, 3, 4, 10, 0, 0, 1, 6, 8, 10, 0, 0, 2, 10, 0, 0, 3, 255]
    var story = Story()
    story.datagram("10.0.0.9:67", "255.255.255.255:68", at: 1, offer)
    guard let event = story.sessionEvents().first, case .dhcp(let message) = event.what else {
      Issue.record("no message")
      return
    }
    #expect(message.kind == .offer)
    #expect(message.transaction == 0x0102_0304)
    #expect(message.offeredAddress == IPAddress("10.0.0.50"))
    #expect(message.serverIdentifier == IPAddress("10.0.0.9"))
    #expect(message.routers.count == 1 && message.nameServers.count == 2)
    #expect(message.hardware == MACAddress("02:00:00:00:00:07"))
    #expect(message.isWellFormed)
    #expect(event.server == IPAddress("10.0.0.9"))
  }

  /// An ADVERTISE with a DUID of a hardware address, an address and a name server; then all that can
  /// be cut of it.
  @Test func aDHCPv6OfferIsRead() {
    let lease: [UInt8] =
      [0, 5, 0, 24, 0x20, 1, 0xd, 0xb8, 0, 2] + [UInt8](repeating: 0, count: 9) + [0x50]
      + [0, 0, 0, 60, 0, 0, 0, 120]
    let offer: [UInt8] =
      [2, 1, 2, 3, 0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 7, 0, 3, 0, 40, 0, 0, 0, 1]
      + [UInt8](repeating: 0, count: 8) + lease
      + [0, 23, 0, 16, 0x20, 1, 0xd, 0xb8, 0, 2] + [UInt8](repeating: 0, count: 9) + [0x53]
    for length in 0...offer.count {
      var story = Story()
      story.datagram("10.0.0.9:547", "10.0.0.5:546", at: 1, Array(offer.prefix(length)))
      guard length == offer.count else {
        _ = story.sessionEvents()
        continue
      }
      guard let event = story.sessionEvents().first, case .dhcp(let message) = event.what else {
        Issue.record("no message")
        return
      }
      #expect(message.isVersion6 && message.isWellFormed)
      #expect(message.kind == .offer && message.operation == 2)
      #expect(message.transaction == 0x01_0203)
      #expect(message.hardware == MACAddress("02:00:00:00:00:07"))
      #expect(message.clientIdentifier != 0)
      #expect(message.offeredAddress == IPAddress("2001:db8:2::50"))
      #expect(message.leaseTime == 120)
      #expect(message.nameServers == [IPAddress("2001:db8:2::53")])
      #expect(event.server == IPAddress("10.0.0.9"))
    }
  }

  @Test func amplifiersAreKnown() {
    var story = Story()
    story.datagram("10.0.0.1:1", "10.0.0.2:123", at: 1, [0x17, 0, 3, 42, 0, 0, 0, 0])
    let snmp: [UInt8] =
      [0x30, 26, 2, 1, 1, 4, 6] + Array("public".utf8)
      + [0xa5, 13, 2, 1, 1, 2, 1, 0, 2, 2, 8, 0xca, 0x30, 2, 0, 0]
    story.datagram("10.0.0.1:2", "10.0.0.2:161", at: 1, snmp)
    story.datagram(
      "10.0.0.1:3", "10.0.0.2:1900", at: 1,
      Array("M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\n\r\n".utf8))
    story.datagram(
      "10.0.0.1:4", "10.0.0.2:11211", at: 1,
      [0, 0, 0, 0, 0, 1, 0, 0] + Array("stats\r\n".utf8))
    story.datagram(
      "10.0.0.1:5", "10.0.0.2:389", at: 1, [0x30, 5, 2, 1, 1, 0x63, 0])
    var told: [String] = []
    for event in story.sessionEvents() {
      switch event.what {
      case .ntp(let message): told.append("ntp \(message.requestCode)")
      case .snmp(let message): told.append("snmp \(message.repetitions)")
      case .ssdp(let message):
        told.append("ssdp " + String(decoding: message.searchTarget, as: UTF8.self))
      case .memcached(let message): told.append("memcached \(message.verb)")
      case .cldap(let message): told.append("cldap \(message.operation)")
      default: told.append("\(event.what)")
      }
    }
    #expect(told == ["ntp 42", "snmp 2250", "ssdp ssdp:all", "memcached STATS", "cldap 3"])
  }

  @Test(arguments: [53, 67, 123, 161, 389, 1900, 11211, 9999])
  func noDatagramTraps(port: Int) {
    var random = SeededGenerator(state: UInt64(port))
    let query = header(0x100, [1, 1, 1, 1]) + name("abc", "example") + [0, 16, 0, 1]
    var seeds: [[UInt8]] = [query, [0x30, 26, 2, 1, 1, 4, 6, 0x30, 0x84, 0xff, 0xff, 0xff, 0xff]]
    seeds.append(
      [2] + [UInt8](repeating: 1, count: 235) + [0x63, 0x82, 0x53, 0x63, 3, 8, 1, 2, 3, 4, 6, 9])
    var engine = FlowEngine()
    for round in 0..<20_000 {
      var bytes = seeds[round % seeds.count]
      for _ in 0..<Int.random(in: 0...6, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(
          in: 0...255, using: &random)
      }
      bytes = Array(bytes.prefix(.random(in: 0...bytes.count, using: &random)))
      var story = Story()
      story.datagram("10.0.0.1:\(round & 0x7fff)", "10.0.0.2:\(port)", at: 1, bytes)
      story.frames[0].bytes.withUnsafeBytes {
        _ = engine.take(
          $0, linkType: .ethernet, wireLength: UInt32($0.count), time: story.frames[0].time)
      }
      engine.clearEvents()
      engine.clearSessionEvents()
    }
    engine.finish()
    #expect(engine.statistics.packets == 20_000)
  }
}
