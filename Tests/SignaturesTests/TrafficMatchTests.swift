import Packets
import Signatures
import Terms
import Testing

/// Which packets and streams reach a rule.
struct TrafficMatchTests {
  private static let needle =
    "alert tcp any any -> any any (msg:\"t\"; content:\"needle in hay\"; sid:1;)"

  @Test func aContentIsFoundInEveryCutOfTheStream() throws {
    let text = "some hay, a needle in hay, more hay"
    let rules = try compile(
      Self.needle
        + "\nalert tcp any any -> any any (msg:\"t\"; content:\"some\"; content:\"more\"; distance:10; sid:2;)"
    )
    for cut in 1..<text.utf8.count {
      var talk = Conversation("10.0.0.1:40000", "192.0.2.7:9999")
      talk.ask(Array(text.utf8.prefix(cut)))
      talk.ask(Array(text.utf8.dropFirst(cut)))
      #expect(Set(talk.traffic.matches(rules)) == [1, 2], "cut at \(cut)")
      #expect(talk.traffic.matches(rules).count == 2, "cut at \(cut)")
    }
  }

  @Test func aContentIsFoundByteByByteOutOfOrderAndOverlapped() throws {
    let text = Array("some hay, a needle in hay, more hay".utf8)
    var slow = Conversation("10.0.0.1:40000", "192.0.2.7:9999")
    for byte in text { slow.ask([byte]) }
    #expect(try slow.matches(Self.needle) == [1])
    var turned = Conversation("10.0.0.1:40000", "192.0.2.7:9999")
    turned.segment(at: 20, "hay, more hay")
    turned.segment(at: 10, "needle in hay")
    turned.segment(at: 0, "some hay, ")
    #expect(try turned.matches(Self.needle) == [1])
  }

  @Test func whatMatchesDoesNotDependOnBatches() throws {
    var talk = Conversation()
    talk.ask("GET /admin.php?id=1 HTTP/1.1\r\nHost: example.com\r\n\r\n")
    talk.answer("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
    talk.traffic.udp("10.0.0.1:5000", "192.0.2.7:53", "whatever")
    let rules = try compile(
      """
      alert http any any -> any any (msg:"t"; http.uri; content:"/admin.php"; sid:1;)
      alert http any any -> any any (msg:"t"; flow:to_client; file.data; content:"secret"; sid:2;)
      alert udp any any -> any 53 (msg:"t"; content:"whatever"; sid:3;)
      """)
    for chunk in [1, 2, 3, 5, 1000] {
      #expect(talk.traffic.matches(rules, chunk: chunk).sorted() == [1, 2, 3], "chunk \(chunk)")
    }
  }

  @Test func theHeadDecides() throws {
    var traffic = Traffic()
    traffic.udp("10.0.0.1:5000", "192.0.2.7:53", "abc")
    func fires(_ head: String) throws -> Bool {
      try traffic.matches("\(head) (msg:\"t\"; content:\"abc\"; sid:1;)") == [1]
    }
    #expect(try fires("alert udp 10.0.0.0/8 any -> any 53"))
    #expect(try fires("alert ip any any -> 192.0.2.7 any"))
    #expect(try fires("alert udp $HOME_NET any -> $EXTERNAL_NET [50:60,!54]"))
    #expect(try fires("alert udp 192.0.2.7 53 <> 10.0.0.1 any"))
    #expect(try !fires("alert udp 192.0.2.7 53 -> 10.0.0.1 any"))
    #expect(try !fires("alert udp !10.0.0.0/8 any -> any any"))
    #expect(try !fires("alert udp any any -> any [50:60,!53]"))
    #expect(try !fires("alert tcp any any -> any any"))
  }

  @Test func flowKeywordsAskForSideAndState() throws {
    var talk = Conversation("10.0.0.1:40000", "192.0.2.7:9999")
    talk.ask("hello there")
    func fires(_ flow: String) throws -> Bool {
      try talk.matches(
        "alert tcp any any -> any any (msg:\"t\"; flow:\(flow); content:\"hello\"; sid:1;)") == [1]
    }
    #expect(try fires("established,to_server"))
    #expect(try !fires("established,to_client"))
    #expect(try !fires("not_established"))
    #expect(try fires("stateless"))
    #expect(try fires("to_server,only_stream"))
    #expect(try fires("to_server,no_stream"))
  }

  @Test func headersOfPacketsAreTested() throws {
    var traffic = Traffic()
    traffic.tcp("10.0.0.1:40000", "192.0.2.7:22", .syn, sequence: 77)
    traffic.icmp("10.0.0.1", "192.0.2.7", type: 8, "ping pong")
    func fires(_ head: String, _ options: String) throws -> Bool {
      try traffic.matches("alert \(head) (msg:\"t\"; \(options) sid:1;)") == [1]
    }
    #expect(try fires("tcp any any -> any 22", "flags:S;"))
    #expect(try fires("tcp any any -> any 22", "flags:S,12; seq:77; ttl:64;"))
    #expect(try !fires("tcp any any -> any 22", "flags:SA;"))
    #expect(try !fires("tcp any any -> any 23", "flags:S;"))
    #expect(try fires("icmp any any -> any any", "itype:8; icode:0; dsize:9;"))
    #expect(try fires("icmp any any -> any any", "content:\"pong\"; dsize:>4;"))
    #expect(try !fires("icmp any any -> any any", "itype:0;"))
    #expect(try fires("icmp any any -> any any", "icmp_id:9; icmp_seq:1;"))
  }

  @Test func rulesOfAddressesAnswerOncePerFlowAndSide() throws {
    var traffic = Traffic()
    for _ in 0..<3 { traffic.udp("203.0.113.9:5000", "10.0.0.1:99", "x") }
    traffic.udp("203.0.113.8:5000", "10.0.0.1:99", "x")
    let rules =
      "alert ip [203.0.113.9,198.51.100.0/24] any -> $HOME_NET any (msg:\"bad\"; sid:1;)"
    #expect(try traffic.matches(rules) == [1])
  }

  @Test func sizeRulesLookAtPackets() throws {
    var talk = Conversation("10.0.0.1:40000", "192.0.2.7:9999")
    talk.ask("ab")
    talk.ask("cd")
    #expect(
      try talk.matches(
        "alert tcp any any -> any any (msg:\"t\"; dsize:2; content:\"cd\"; depth:2; sid:1;)") == [1]
    )
    #expect(
      try talk.matches(
        "alert tcp any any -> any any (msg:\"t\"; dsize:2; content:\"abcd\"; sid:1;)") == [])
  }

  @Test func aPacketThatIsAlsoTheStreamAnswersOnce() throws {
    var talk = Conversation("10.0.0.1:40000", "192.0.2.7:9999")
    talk.ask("hello there")
    talk.ask("hello again")
    let rule = "alert tcp any any -> any any (msg:\"t\"; content:\"hello\"; depth:5; sid:1;)"
    // The first packet begins the stream; the second begins only itself.
    #expect(try talk.matches(rule) == [1, 1])
  }

  @Test func whatBeganBeforeASegmentCountsForItsStreamAlone() throws {
    let rules = try compile(
      """
      alert tcp any any -> any any (msg:"t"; dsize:<90; content:"begun before"; sid:1;)
      alert tcp any any -> any any (msg:"t"; content:"begun before"; sid:2;)
      alert tcp any any -> any 9999 (msg:"t"; dsize:<90; content:"|00 07|"; sid:3;)
      alert tcp any any -> any 9999 (msg:"t"; content:"|00 07|"; sid:4;)
      """)
    let text = Array("it was begun before".utf8) + [0, 7] + Array(" and it goes on".utf8)
    for cut in 0..<text.count {
      var talk = Conversation("10.0.0.1:40000", "192.0.2.7:9999")
      talk.ask("something else before, ")
      talk.ask(Array(text.prefix(cut)))
      talk.ask(Array(text.dropFirst(cut)))
      let splitsWords = (8...18).contains(cut)
      let splitsNumber = cut == 20
      let wanted: [UInt32] = [1, 2, 3, 4].filter {
        !($0 == 1 && splitsWords || $0 == 3 && splitsNumber)
      }
      #expect(talk.traffic.matches(rules).sorted() == wanted, "cut at \(cut)")
    }
  }
}
