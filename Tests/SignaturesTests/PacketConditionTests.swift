import Signatures
import Testing

private let icmp = "alert icmp any any -> any any"
private let ip = "alert ip any any -> any any"

@Test(arguments: [
  ("dsize:9<>18;", ip, PacketCondition.dsize(NumberRange(10, 17))),
  ("dsize:>1390;", ip, .dsize(NumberRange(1_391, 65_535))),
  ("dsize:!5;", ip, .dsize(NumberRange(5, 5, isNegated: true))),
  ("ttl:<=5;", ip, .ttl(NumberRange(0, 5))),
  ("ttl:5-9;", ip, .ttl(NumberRange(6, 8))),
  ("tos:!8;", ip, .typeOfService(NumberRange(8, 8, isNegated: true))),
  ("id:31337;", ip, .ipIdentifier(31_337)),
  ("ip_proto:41;", ip, .ipProtocol(NumberRange(41, 41))),
  ("ip_proto:!tcp;", ip, .ipProtocol(NumberRange(6, 6, isNegated: true))),
  ("ipopts:lsrr;", ip, .ipOption(.looseSourceRoute)),
  ("sameip;", ip, .sameAddress),
  ("fragbits:M+;", ip, .fragmentBits(FlagTest(bits: 1, mode: .all))),
  ("fragbits:!D;", ip, .fragmentBits(FlagTest(bits: 2, mode: .not))),
  ("fragoffset:>0;", ip, .fragmentOffset(NumberRange(1, 8_191))),
  ("flags:S,12;", ip, .tcpFlags(FlagTest(bits: 2, ignored: 192))),
  ("flags:SA;", ip, .tcpFlags(FlagTest(bits: 18))),
  ("flags:*SF;", ip, .tcpFlags(FlagTest(bits: 3, mode: .any))),
  ("flags:0;", ip, .tcpFlags(FlagTest(bits: 0))),
  ("flags:!0;", ip, .tcpFlags(FlagTest(bits: 255, mode: .any))),
  ("seq:0;", ip, .sequence(0)),
  ("tcp.ack:4294967295;", ip, .acknowledgement(.max)),
  ("window:!55845;", ip, .window(NumberRange(55_845, 55_845, isNegated: true))),
  ("tcp.mss:<500;", ip, .segmentSize(NumberRange(0, 499))),
  ("itype:8;", icmp, .icmpType(NumberRange(8, 8))),
  ("icode:>3;", icmp, .icmpCode(NumberRange(4, 255))),
  ("icmp_id:456;", icmp, .icmpIdentifier(456)),
  ("icmp_seq:0;", icmp, .icmpSequence(0)),
  ("stream_size:server,<,5;", ip, .streamSize(.server, NumberRange(0, 4))),
  ("stream_size:client,=,1;", ip, .streamSize(.client, NumberRange(1, 1))),
])
func aConditionOnHeadersSaysWhatItTests(
  options: String, head: String, condition: PacketCondition
) throws {
  #expect(try rule(options, head: head).packet == [condition])
}

@Test func flagsAreComparedAsTheirModeSays() {
  #expect(FlagTest(bits: 2, ignored: 192).accepts(2 | 64))
  #expect(!FlagTest(bits: 2, ignored: 192).accepts(2 | 16))
  #expect(FlagTest(bits: 2, mode: .all).accepts(2 | 16))
  #expect(FlagTest(bits: 3, mode: .any).accepts(1))
  #expect(!FlagTest(bits: 3, mode: .any).accepts(16))
  #expect(FlagTest(bits: 3, mode: .not).accepts(1))
  #expect(!FlagTest(bits: 3, mode: .not).accepts(3))
}

@Test(arguments: [
  ("dsize:5<>6;", "dsize: no number up to 65535 is between 5 and 6"),
  ("dsize:>65535;", "dsize: no number up to 65535 is '>65535'"),
  ("ttl:256;", "ttl: no number up to 255 is '256'"),
  ("ttl:<0;", "ttl: no number up to 255 is '<0'"),
  ("flags:Q;", "flags: 'Q' names no such flag"),
  ("flags:S,S;", "flags: a flag is wanted and ignored"),
  ("flags:+*S;", "flags: a second of + * !"),
  ("itype:8;", "itype: the rule is not for ICMP"),
  ("ipopts:zz;", "ipopts: 'zz' is no IP option"),
  ("ip_proto:nonsense;", "ip_proto: 'nonsense' is no protocol over IP"),
  ("stream_size:left,<,5;", "stream_size: 'left' is no side of a stream"),
  ("seq:4294967296;", "seq: 4294967296 is more than 4294967295"),
  ("ttl;", "ttl: a value is missing"),
  ("sameip:1;", "sameip: takes no value"),
])
func wrongConditionsOnHeadersAreListed(options: String, expected: String) {
  #expect(fault(options) == expected)
}
