import Terms
import Testing

/// SplitMix64 (Steele, Lea, Flood 2014): the same values every run.
private struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}

@Suite struct TermsTests {
  private var addresses: [IPAddress] {
    var generator = SeededGenerator(state: 7)
    return (0..<500).map { index in
      index % 2 == 0
        ? IPAddress(v4: UInt32.random(in: 0...UInt32.max, using: &generator))
        : IPAddress(high: generator.next(), low: generator.next())
    }
  }

  @Test func anAddressReadsBackFromItsText() {
    for address in addresses + [.unspecified, IPAddress(v4: 0), IPAddress(v4: .max)] {
      #expect(IPAddress(address.description) == address)
      let octets = [address.high.bigEndian, address.low.bigEndian]
      #expect(octets.withUnsafeBytes { IPAddress(networkBytes: $0) } == address)
    }
    for text in ["", "1.2.3", "1.2.3.4.5", "256.0.0.1", "::g", "1.2.3.4/8", "fe80::1%eth0"] {
      #expect(IPAddress(text) == nil, "\(text)")
    }
  }

  @Test func aPrefixHoldsItsEndsAndNothingBesideThem() {
    for address in addresses {
      for length in 0...address.bitWidth {
        let prefix = IPPrefix(address, length: length)
        #expect(prefix.contains(address) && prefix.contains(prefix.base))
        #expect(prefix.contains(prefix.lastAddress))
        #expect(IPPrefix(prefix.description) == prefix)
        let outer = IPPrefix(address, length: length - 1)
        #expect(outer.contains(prefix) && outer.overlaps(prefix) && prefix.overlaps(outer))
        if length > 0 {
          #expect(!prefix.contains(outer))
          #expect(prefix.contains(outer.base) != prefix.contains(outer.lastAddress))
        }
      }
    }
    #expect(IPPrefix("10.0.0.1/8") == nil && IPPrefix("10.0.0.0/33") == nil)
    #expect(!IPPrefix(.unspecified, length: 0).contains(IPAddress(v4: 1)))
  }

  @Test func timeSaturatesAtItsEnds() {
    let far = TimeSpan(nanoseconds: .max)
    let back = TimeSpan(nanoseconds: .min)
    let now = CaptureTime(nanoseconds: 1)
    #expect(now + far == .distantFuture && now - back == .distantFuture)
    #expect(CaptureTime(nanoseconds: -2) + back == .distantPast)
    #expect(CaptureTime.distantPast - far == .distantPast)
    #expect(CaptureTime.distantFuture - .distantPast == far)
    #expect(CaptureTime.distantPast - .distantFuture == back)
    #expect(TimeSpan.seconds(Int.max) == far && TimeSpan.seconds(-Double.infinity) == back)
    #expect(CaptureTime(seconds: .nan).nanoseconds == .max)
  }

  @Test func epochsTileTime() {
    var generator = SeededGenerator(state: 3)
    for _ in 0..<1000 {
      let time = CaptureTime(nanoseconds: Int64(truncatingIfNeeded: generator.next()) / 4)
      let span = TimeSpan(nanoseconds: Int64.random(in: 1...1_000_000_000_000, using: &generator))
      let start = time.epochStart(span)
      #expect(start <= time && time < start + span && start.epochStart(span) == start)
    }
  }

  @Test func namesAndHardwareAddressesReadBack() {
    #expect(MACAddress("02:00:0A:ff:00:1")?.description == "02:00:0a:ff:00:01")
    #expect(MACAddress("02:00:00:00:00") == nil && MACAddress("0g:0:0:0:0:0") == nil)
    #expect(MonitorName("hq-dmz") != nil && MonitorName("1a") == nil && MonitorName("") == nil)
    #expect(MonitorName(String(repeating: "a", count: 64)) == nil)
    for text in ["250ms", "5s", "10m", "2h"] { #expect(TimeSpan(text)?.description == text) }
    #expect(TimeSpan("1.5h") == .minutes(90) && TimeSpan("5") == nil && TimeSpan("-5s") == nil)
  }
}
