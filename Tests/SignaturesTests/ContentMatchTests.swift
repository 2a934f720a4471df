import Signatures
import Testing

/// Conditions on bytes, held against one datagram.
struct ContentMatchTests {
  @Test func aContentIsFoundWhereverItStands() throws {
    #expect(try answers("content:\"needle\";", to: "hay needle hay"))
    #expect(try !answers("content:\"needle\";", to: "hay Needle hay"))
    #expect(try answers("content:\"needle\"; nocase;", to: "hay NeEdle hay"))
    #expect(try answers("content:\"|00 ff|x\";", to: [1, 0, 255, 0x78]))
  }

  @Test func aNegatedContentMustBeAbsent() throws {
    let options = "content:\"user\"; content:!\"root\";"
    #expect(try answers(options, to: "user guest"))
    #expect(try !answers(options, to: "user root"))
  }

  @Test func offsetAndDepthBoundTheSearch() throws {
    #expect(try answers("content:\"abc\"; offset:2; depth:4;", to: "xxxabcx"))
    #expect(try !answers("content:\"abc\"; offset:2; depth:4;", to: "xabcxxx"))
    #expect(try !answers("content:\"abc\"; offset:2; depth:4;", to: "xxxxabc"))
    #expect(try answers("content:\"abc\"; depth:3;", to: "abcd"))
    #expect(try !answers("content:\"abc\"; depth:3;", to: "xabc"))
  }

  @Test func distanceAndWithinCountFromTheMatchBefore() throws {
    let near = "content:\"ab\"; content:\"cd\"; distance:1; within:3;"
    #expect(try answers(near, to: "ab.cd"))
    #expect(try !answers(near, to: "abcd"))
    #expect(try answers(near, to: "ab..cd"))
    #expect(try !answers(near, to: "ab...cd"))
    #expect(try answers("content:\"cd\"; content:\"ab\"; distance:-4; within:2;", to: "abcd"))
  }

  @Test func anotherPlaceOfTheFirstContentIsTriedWhenTheSecondFails() throws {
    let options = "content:\"ab\"; content:\"cd\"; distance:0; within:2;"
    #expect(try answers(options, to: "ab ab abcd"))
    #expect(try !answers(options, to: "ab ab ab cd"))
    let three = "content:\"a\"; content:\"b\"; within:1; content:\"c\"; within:1;"
    #expect(try answers(three, to: "ab aab abc"))
  }

  @Test func startsAndEndsHoldTheContentAtTheEdges() throws {
    #expect(try answers("content:\"GET\"; startswith;", to: "GET /"))
    #expect(try !answers("content:\"GET\"; startswith;", to: " GET /"))
    #expect(try answers("content:\".exe\"; endswith;", to: "a.exe"))
    #expect(try !answers("content:\".exe\"; endswith;", to: "a.exe?"))
    #expect(try answers("content:\".exe\"; endswith;", to: "a.exe.exe"))
    #expect(try !answers("content:!\".exe\"; endswith; content:\"a\";", to: "a.exe"))
  }

  @Test func dataMustBeThereOrNot() throws {
    #expect(try answers("content:\"ab\"; isdataat:3,relative;", to: "abcde"))
    #expect(try !answers("content:\"ab\"; isdataat:4,relative;", to: "abcde"))
    #expect(try answers("content:\"ab\"; isdataat:!1,relative;", to: "ab"))
    #expect(try !answers("content:\"ab\"; isdataat:!1,relative;", to: "abc"))
    #expect(try answers("content:\"ab\"; isdataat:4;", to: "abcde"))
    #expect(try !answers("content:\"ab\"; isdataat:5;", to: "abcde"))
  }

  @Test func expressionsSearchFromTheMatchBeforeWhenTheySaySo() throws {
    #expect(try answers("content:\"id=\"; pcre:\"/^[0-9]{3}$/R\";", to: "id=123"))
    #expect(try !answers("content:\"id=\"; pcre:\"/^[0-9]{3}$/R\";", to: "id=x123"))
    #expect(try answers("content:\"a\"; pcre:\"/B.D/i\";", to: "a bxd"))
    #expect(try !answers("content:\"a\"; pcre:!\"/b.d/\";", to: "a bxd"))
    // The second "id=" is the one that fits.
    #expect(try answers("content:\"id=\"; pcre:\"/^[0-9]/R\";", to: "id=x id=1"))
    #expect(
      try answers("pcre:\"/k\\d/\"; content:\"v\"; distance:0; within:1;", to: "k1 k2v"))
  }

  @Test func numbersAreComparedInTheirByteOrder() throws {
    let bytes: [UInt8] = [0x41, 0x01, 0x02, 0x00]
    #expect(try answers("content:\"A\"; byte_test:2,=,258,0,relative;", to: bytes))
    #expect(try answers("content:\"A\"; byte_test:2,=,513,0,relative,little;", to: bytes))
    #expect(try answers("content:\"A\"; byte_test:1,&,2,2;", to: bytes))
    #expect(try !answers("content:\"A\"; byte_test:1,!&,2,2;", to: bytes))
    #expect(try answers("content:\"A\"; byte_test:1,>,0,1;", to: bytes))
    #expect(try !answers("content:\"A\"; byte_test:4,>,0,1;", to: bytes))
    #expect(
      try answers("content:\"len=\"; byte_test:3,=,120,0,relative,string,dec;", to: "len=120"))
    #expect(
      try answers("content:\"len=\"; byte_test:2,=,255,0,relative,string,hex;", to: "len=ff"))
  }

  @Test func aJumpMovesWhatFollows() throws {
    let jump = "content:\"L\"; byte_jump:1,0,relative; content:\"end\"; within:3;"
    #expect(try answers(jump, to: [0x4c, 2, 0x78, 0x78] + Array("end".utf8)))
    #expect(try !answers(jump, to: [0x4c, 3, 0x78, 0x78] + Array("end".utf8)))
    #expect(try !answers(jump, to: [0x4c, 200, 0x78, 0x78] + Array("end".utf8)))
    let aligned = "content:\"L\"; byte_jump:1,0,relative,align; content:\"end\"; within:3;"
    #expect(try answers(aligned, to: [0x4c, 3, 1, 2, 3, 4] + Array("end".utf8)))
  }

  @Test func anExtractedNumberIsUsedLater() throws {
    let options =
      "content:\"N\"; byte_extract:1,0,n,relative; content:\"x\"; distance:n; within:1;"
    #expect(try answers(options, to: [0x4e, 3, 1, 1, 1, 0x78]))
    #expect(try !answers(options, to: [0x4e, 2, 1, 1, 1, 0x78]))
    let test = "content:\"N\"; byte_extract:1,0,n,relative; byte_test:1,=,n,2;"
    #expect(try answers(test, to: [0x4e, 7, 7]))
    #expect(try !answers(test, to: [0x4e, 7, 8]))
  }

  @Test func base64IsDecodedAndLookedInto() throws {
    let options =
      "content:\"auth \"; base64_decode:relative; base64_data; content:\"secret\";"
    #expect(try answers(options, to: "auth bXkgc2VjcmV0IGtleQ=="))
    #expect(try !answers(options, to: "auth bXkgb3BlbiBrZXk="))
  }

  @Test func hostilePayloadEndsWithinTheBudget() throws {
    let options =
      "content:\"a\"; content:\"a\"; distance:0; content:\"a\"; distance:0; content:\"a\"; "
      + "distance:0; content:\"b\"; distance:0;"
    #expect(try !answers(options, to: String(repeating: "a", count: 1400)))
    #expect(
      try !answers("content:\"a\"; pcre:\"/(a+)+b/\";", to: String(repeating: "a", count: 1400)))
  }
}
