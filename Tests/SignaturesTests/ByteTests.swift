import Signatures
import Testing

@Test func byteTestHasAllItsParts() throws {
  var test = ByteTest()
  test.field.count = .constant(1)
  test.field.offset = .constant(6)
  test.field.isRelative = true
  test.operation = .and
  test.isNegated = true
  test.value = .constant(128)
  let rule = try rule(#"content:"a"; byte_test:1,!&,128,6,relative;"#)
  #expect(rule.conditions(on: .payload)[1] == .byteTest(test))
}

@Test func byteTestReadsText() throws {
  var test = ByteTest()
  test.field.notation = .text(base: 10)
  test.operation = .greaterOrEqual
  test.value = .constant(300_000_000)
  #expect(
    try rule("byte_test:0,>=,300000000,0,string,dec;").conditions(on: .payload)
      == [.byteTest(test)])
}

@Test func byteJumpHasAllItsParts() throws {
  var jump = ByteJump()
  jump.field.count = .constant(4)
  jump.field.offset = .constant(-17)
  jump.field.isRelative = true
  jump.field.notation = .littleEndian
  jump.isAligned = true
  jump.origin = .beginning
  jump.multiplier = 2
  jump.postOffset = .constant(-4)
  let options = "byte_jump:4,-17,relative,little,align,from_beginning,multiplier 2,post_offset -4;"
  #expect(try rule(options).conditions(on: .payload) == [.byteJump(jump)])
}

@Test func whatIsExtractedCanBeUsedBehind() throws {
  let rule = try rule(
    #"byte_extract:2,3,length,little; content:"a"; offset:length; byte_test:2,>,length,6; isdataat:length,relative;"#
  )
  #expect(rule.variableCount == 1)
  let conditions = rule.conditions(on: .payload)
  guard case .byteExtract(let extract) = conditions[0], case .content(let content) = conditions[1],
    case .byteTest(let test) = conditions[2], case .dataAt(let data) = conditions[3]
  else {
    Issue.record("\(conditions)")
    return
  }
  #expect(extract.variable == 0 && extract.field.notation == .littleEndian)
  #expect(content.offset == .variable(0))
  #expect(test.value == .variable(0))
  #expect(data.position == .variable(0) && data.isRelative && !data.isNegated)
}

@Test func byteMathComputesAVariable() throws {
  let rule = try rule(
    #"byte_math:bytes 4, offset 1, oper +, rvalue 0x10, result sum, endian little; content:"a"; depth:sum;"#
  )
  guard case .byteMath(let math) = rule.conditions(on: .payload)[0] else {
    Issue.record("no byte_math")
    return
  }
  #expect(math.operation == .add && math.value == .constant(16) && math.result == 0)
  #expect(math.field.count == .constant(4) && math.field.notation == .littleEndian)
  #expect(rule.contents(of: .payload)[0].depth == .variable(0))
}

@Test func base64IsDecodedIntoABufferOfItsOwn() throws {
  let rule = try rule(
    #"http.user_agent; content:"x"; base64_decode:bytes 64, offset 2, relative; base64_data; content:"cmd";"#
  )
  var decoding = Base64Decode()
  decoding.count = 64
  decoding.offset = 2
  decoding.isRelative = true
  #expect(rule.conditions(on: .httpUserAgent)[1] == .base64Decode(decoding))
  #expect(rule.contents(of: .base64Data).map(\.text) == ["cmd"])
}

@Test func asn1AsksForOverflows() throws {
  var check = ASN1Check()
  check.findsBitStringOverflow = true
  check.findsDoubleOverflow = true
  check.oversizeLength = 2_048
  check.offset = 54
  check.isRelative = true
  let options =
    #"content:"a"; asn1:double_overflow, bitstring_overflow, relative_offset 54, oversize_length 2048;"#
  #expect(try rule(options).conditions(on: .payload)[1] == .asn1(check))
}

@Test(arguments: [
  ("byte_test:9,>,1,0;", "byte_test: a binary number of 9 octets"),
  ("byte_test:1,?,1,0;", "byte_test: '?' is no operator"),
  ("byte_test:1,>,1;", "byte_test: octets, operator, value and offset are not all there"),
  ("byte_test:1,>,1,0,sideways;", "byte_test: 'sideways' is no modifier of byte_test"),
  ("byte_jump:1;", "byte_jump: octets and offset are not both there"),
  ("byte_extract:2,0,9lives;", "byte_extract: '9lives' is no name of a variable"),
  ("byte_math:bytes 4, offset 1, oper /, rvalue 0, result x;", "byte_math: divides by 0"),
  ("isdataat:x,relative;", "isdataat: no byte_extract or byte_math before it makes 'x'"),
  ("asn1:relative_offset 3;", "asn1: asks for nothing"),
])
func wrongNumbersInThePayloadAreListed(options: String, expected: String) {
  #expect(fault(options) == expected)
}
