import Signatures
import Testing

/// Bits, thresholds and filters, in event time.
struct StateMatchTests {
  @Test func aFlowBitJoinsTwoSidesOfAFlow() throws {
    let rules = """
      alert tcp any any -> any any (msg:"t"; flow:to_client; content:"welcome"; flowbits:isset,login; sid:2;)
      alert tcp any any -> any any (msg:"t"; flow:to_server; content:"login"; flowbits:set,login; flowbits:noalert; sid:1;)
      """
    var talk = Conversation("10.0.0.1:40000", "192.0.2.7:9999")
    talk.ask("login me")
    talk.answer("welcome")
    #expect(try talk.matches(rules) == [2])
    var other = Conversation("10.0.0.1:40000", "192.0.2.7:9999")
    other.ask("hello")
    other.answer("welcome")
    #expect(try other.matches(rules) == [])
  }

  @Test func aBitIsForgottenWithItsFlow() throws {
    let rules = """
      alert udp any any -> any any (msg:"t"; content:"first"; flowbits:set,seen; flowbits:noalert; sid:1;)
      alert udp any any -> any any (msg:"t"; content:"second"; flowbits:isset,seen; sid:2;)
      alert udp any any -> any any (msg:"t"; content:"second"; flowbits:isnotset,seen; sid:3;)
      """
    var traffic = Traffic()
    traffic.udp("10.0.0.1:5000", "192.0.2.7:99", "first")
    traffic.udp("10.0.0.1:5000", "192.0.2.7:99", "second")
    traffic.udp("10.0.0.1:5001", "192.0.2.7:99", "second")
    #expect(try traffic.matches(rules) == [2, 3])
  }

  @Test func aHostBitLastsItsSeconds() throws {
    let rules = """
      alert udp any any -> any any (msg:"t"; content:"mark"; xbits:set,bad,track ip_src,expire 10; noalert; sid:1;)
      alert udp any any -> any any (msg:"t"; content:"ask"; xbits:isset,bad,track ip_src; sid:2;)
      """
    var traffic = Traffic()
    traffic.udp("10.0.0.1:5000", "192.0.2.7:99", "mark")
    traffic.wait(5)
    traffic.udp("10.0.0.1:6000", "192.0.2.8:99", "ask")
    traffic.udp("10.0.0.2:6000", "192.0.2.8:99", "ask")
    traffic.wait(6)
    traffic.udp("10.0.0.1:6000", "192.0.2.8:99", "ask")
    #expect(try traffic.matches(rules) == [2])
  }

  @Test func numbersOfAFlowCount() throws {
    let rules = """
      alert udp any any -> any any (msg:"t"; content:"try"; flowint:tries,+,1; noalert; sid:1;)
      alert udp any any -> any any (msg:"t"; content:"try"; flowint:tries,>,2; sid:2;)
      """
    var traffic = Traffic()
    for _ in 0..<4 { traffic.udp("10.0.0.1:5000", "192.0.2.7:99", "try") }
    #expect(try traffic.matches(rules) == [2, 2])
  }

  private func matches(_ rate: String, times: [Double]) throws -> Int {
    var traffic = Traffic()
    var last = 0.0
    for time in times {
      traffic.wait(time - last)
      last = time
      traffic.udp("10.0.0.1:5000", "192.0.2.7:99", "x")
    }
    return try traffic.matches(
      "alert udp any any -> any any (msg:\"t\"; content:\"x\"; \(rate) sid:1;)"
    ).count
  }

  @Test func thresholdsHoldInEventTime() throws {
    let limit = "threshold:type limit,track by_src,count 2,seconds 10;"
    #expect(try matches(limit, times: [0, 1, 2, 3]) == 2)
    #expect(try matches(limit, times: [0, 1, 2, 12, 13, 14]) == 4)
    let every = "threshold:type threshold,track by_dst,count 3,seconds 10;"
    #expect(try matches(every, times: [0, 1, 2, 3, 4, 5, 6]) == 2)
    #expect(try matches(every, times: [0, 1, 20, 21]) == 0)
    let both = "threshold:type both,track by_src,count 3,seconds 10;"
    #expect(try matches(both, times: [0, 1, 2, 3, 4, 5, 6]) == 1)
    #expect(
      try matches("detection_filter:track by_src,count 3,seconds 10;", times: [0, 1, 2, 3, 4]) == 2)
  }

  @Test func aPassRuleKeepsTheOthersQuiet() throws {
    let rules = """
      alert udp any any -> any any (msg:"t"; content:"scanner"; sid:1;)
      pass udp 10.0.0.1 any -> any any (msg:"t"; content:"scanner"; sid:2;)
      """
    var traffic = Traffic()
    traffic.udp("10.0.0.1:5000", "192.0.2.7:99", "scanner")
    traffic.udp("10.0.0.2:5000", "192.0.2.7:99", "scanner")
    #expect(try traffic.matches(rules) == [1])
  }
}
