import Foundation
import Signatures
import Testing

/// Rules cut, joined, repeated and overwritten at random. `BERYL_RULE_INPUTS=10000000` reads as many.
@Test func noTextTrapsTheReader() {
  let count = ProcessInfo.processInfo.environment["BERYL_RULE_INPUTS"].flatMap(Int.init) ?? 20_000
  let seed = ProcessInfo.processInfo.environment["BERYL_RULE_SEED"].flatMap(UInt64.init) ?? 1
  var mutator = RuleMutator(seed: seed)
  var taken = 0
  var listed = 0
  // A reader keeps what it has read; a new one now and then keeps memory level.
  let batch = 2_000
  var rest = count
  while rest > 0 {
    var reader = RuleReader()
    for _ in 0..<min(rest, batch) { reader.read(mutator.next(), file: "hostile.rules") }
    taken += reader.rules.rules.count
    listed += reader.rules.unsupported.count
    for row in reader.rules.unsupported where row.line < 1 || row.column < 1 {
      Issue.record("no place: \(row)")
    }
    rest -= batch
  }
  // The mutator is worth its time only while some rules live and others do not.
  #expect(taken > count / 100 && listed > count / 100)
}

/// xorshift64*, so that a seed gives the same rules everywhere.
private struct RuleMutator {
  private var state: UInt64
  private let seeds: [[UInt8]]

  init(seed: UInt64) {
    state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    seeds = Self.seeds.map { Array($0.utf8) }
  }

  private mutating func random(_ bound: Int) -> Int {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return Int((state &* 0x2545_f491_4f6c_dd1d) >> 33) % max(bound, 1)
  }

  mutating func next() -> [UInt8] {
    var text = seeds[random(seeds.count)]
    // The number differs, so that not every rule is a second one.
    text += Array("\nalert ip any any -> any any (sid:\(random(1 << 30) + 1);)".utf8)
    for _ in 0...random(4) {
      guard !text.isEmpty else { break }
      let position = random(text.count)
      switch random(7) {
      case 0: text[position] = UInt8(random(256))
      case 1: text[position] = Self.marks[random(Self.marks.count)]
      case 2: text.remove(at: position)
      case 3: text.insert(Self.marks[random(Self.marks.count)], at: position)
      case 4: text.removeSubrange(position..<min(text.count, position + random(40)))
      case 5:
        let part = text[position..<min(text.count, position + random(60))]
        text.insert(contentsOf: part, at: random(text.count))
      default:
        let other = seeds[random(seeds.count)]
        let start = random(other.count)
        text.insert(
          contentsOf: other[start..<min(other.count, start + random(80))], at: position)
      }
    }
    return text
  }

  private static let marks = Array("();:,|\"\\![]$<>-/#\n\r 0x9%\0".utf8)

  private static let seeds = [
    #"alert tcp $EXTERNAL_NET any -> $HOME_NET [1:1024,!80] (msg:"a"; flow:established,to_server; content:"|00 01|abc"; offset:2; depth:20; content:!"x"; distance:-4; within:10; byte_test:4,>,0x10,0,relative,little; byte_jump:2,0,relative,align,multiplier 2,post_offset -1; pcre:"/a(b|c)+[^d]{2,9}$/Rsmi"; isdataat:!1,relative; classtype:trojan-activity; sid:1; rev:2;)"#,
    #"alert http [10.0.0.0/8,!10.1.0.0/16,[192.0.2.1,2001:db8::/32]] any -> any any (msg:"b"; http.uri; content:"/a.php?"; startswith; fast_pattern:2,3; urilen:5<>90,raw; http.header; to_lowercase; content:"x|3a 20|"; endswith; http.method; content:"GET"; bsize:3; threshold: type both, track by_src, count 5, seconds 60; reference:cve,2021-44228; metadata:a b, c d; sid:2;)"#,
    #"alert udp any 53 -> any :1023 (content:"a"; http_uri; uricontent:"q"; nocase; byte_extract:2,1,len,relative; content:"y"; offset:len; byte_math:bytes 2, offset 0, oper <<, rvalue len, result r, bitmask 0xff0; flowbits:isset,a|b; flowbits:set,c; xbits:set,d,track ip_pair,expire 5; flowint:n,+,1; detection_filter:track by_dst,count 3,seconds 9; sid:3;)"#,
    #"drop ip any any <> any any (flags:+SA,12; dsize:>5; ttl:5-9; id:7; fragbits:!M; fragoffset:<9; ipopts:any; ip_proto:!6; stream_size:either,>=,5; itype:8; base64_decode:bytes 9,offset 0,relative; base64_data; content:"z"; asn1:bitstring_overflow, relative_offset 5; tls.version:1.2; app-layer-protocol:!http; sid:4;)"#,
    "alert dns any any -> any any (msg:\"c\"; dns.query; dotprefix; content:\".evil\"; \\\n endswith; xor:\"0d0a\"; pcre:\"/^(?:[a-z]{3}|\\d+)\\.(?=x)/i\"; sid:5;) # behind\r\n#alert ip any any -> any any (sid:9;)",
  ]
}
