import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct OverflowAttemptTests {
  private func story(port: UInt16 = 9999) throws -> SessionStory<OverflowAttempt> {
    try SessionStory(OverflowAttempt(DetectionContext()), port: port)
  }

  static let x86: [UInt8] =
    [
      0xeb, 0x1f, 0x5e, 0x89, 0x76, 0x08, 0x31, 0xc0, 0x88, 0x46, 0x07, 0xcd, 0x80, 0xe8, 0xdc,
      0xff, 0xff, 0xff,
    ] + Array("/bin/sh".utf8)

  static let codes: [[UInt8]] = [
    Array(repeating: 0x90, count: 64) + x86,
    Array(repeating: 0x90, count: 12) + x86,
    Array("USER ".utf8) + Array(repeating: 0x41, count: 240),
    Array("TRUN ".utf8) + Array("Aa0Aa1Aa2Aa3Aa4Aa5".utf8),
    (0..<16).flatMap { _ in [0x13, 0xc0, 0x1c, 0xa6] as [UInt8] },
    // Of Metasploit: shikata_ga_nai, call4_dword_xor, the beginning of a payload, alpha_mixed.
    [
      0xda, 0xc1, 0xd9, 0x74, 0x24, 0xf4, 0xbb, 0x3a, 0x5c, 0x91, 0xe0, 0x58, 0x33, 0xc9, 0xb1,
      0x53, 0x83, 0xe8, 0xfc, 0x31, 0x58, 0x0e, 0x03, 0x92,
    ],
    [
      0x2b, 0xc9, 0x83, 0xe9, 0xaf, 0xe8, 0xff, 0xff, 0xff, 0xff, 0xc0, 0x5e, 0x81, 0x76, 0x0e,
      0x51, 0x9c, 0x77, 0x2e, 0x83, 0xee, 0xfc, 0xe2, 0xf4, 0xcd, 0x80, 0x68, 0x2f, 0x2f, 0x73,
    ],
    [0xfc, 0xe8, 0x82, 0, 0, 0, 0x60, 0x89, 0xe5, 0x31, 0xc0, 0x64, 0x8b, 0x50, 0x30],
    [0xfc, 0x48, 0x83, 0xe4, 0xf0, 0xe8, 0xc0, 0, 0, 0, 0x41, 0x51, 0x41, 0x50, 0x52],
    Array("PYIIIIIIIIIIIIIIII7QZjAXP0A0AkAAQ2AB2BB0BBABXP8ABuJI".utf8),
    (0..<20).flatMap { _ in [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00] as [UInt8] },
    (0..<12).flatMap { _ in [0x9f, 0xf8, 0x49, 0x99, 0xfc, 0x42, 0x98, 0xf9] as [UInt8] },
    [0xd9, 0xee, 0xd9, 0x74, 0x24, 0xf4, 0x5b, 0x90, 0x90, 0xcd, 0x80, 0x68, 0x2f, 0x2f, 0x73],
  ]

  @Test(arguments: codes) func codeInAnUnknownProtocolIsFound(bytes: [UInt8]) throws {
    var story = try story()
    try story.say(bytes, fromClient: true)
    let told = story.finish()
    #expect(told.map(\.story) == ["access.overflow 203.0.113.5 > 10.10.1.10"] || bytes[0] == 0x55)
  }

  @Test func anOverlongCommandIsFound() throws {
    for (port, verb) in [(UInt16(21), "USER"), (25, "HELO"), (110, "PASS")] {
      var story = try story(port: port)
      try story.line(verb, String(repeating: "A", count: 2000), code: 500)
      let told = story.finish()
      #expect(told.map(\.kind.text) == ["access.overflow"], "\(verb)")
      #expect(told.first?.attributes["length"] == .bytes(UInt64(verb.utf8.count) + 2001))
    }
  }

  /// Slammer's request and an honest one; a file's name without an end and an ordinary one.
  @Test(
    arguments: [
      (1434, [0x04] + Array(repeating: 1, count: 96), 1), (1434, [0x04] + Array("PAYROLL".utf8), 0),
      (69, [0, 1] + Array(repeating: 0x46, count: 254), 1),
      (69, [0, 1] + Array("boot.img\0octet\0".utf8), 0),
    ] as [(UInt16, [UInt8], Int)])
  func anOverlongNameInADatagramIsFound(port: UInt16, bytes: [UInt8], reports: Int) throws {
    var story = try story(port: port)
    story.transport = .udp
    try story.say(bytes, fromClient: true)
    #expect(story.finish().count == reports)
  }

  /// Datagrams that bear another source each are one attack; connections are one of each host.
  @Test(arguments: [(TransportProtocol.udp, 1), (.tcp, 8)])
  func datagramsOfAnySourceAreOneAttack(transport: TransportProtocol, reports: Int) throws {
    var story = try NameStory(OverflowAttempt(DetectionContext()))
    var sample = PayloadSample()
    sample.bytes = Array(repeating: 0x90, count: 64) + Self.x86
    for host in 1...8 {
      try story.tell(
        .payload(sample), from: "203.0.113.\(host)", 4000, to: "10.10.1.10", 9999, mac: 2,
        transport: transport)
      story.wait(1)
    }
    let told = story.finish()
    #expect(told.count == reports)
    #expect(told.allSatisfy { $0.transport == transport })
    #expect(Set(told.flatMap(\.sources.listed)).count == 8)
  }

  /// Labels of no-operations; of what tunnels send; of text.
  @Test(
    arguments: [
      (Array(repeating: #"\144"#, count: 60).joined() + ".example", 1),
      ((0..<60).map { #"\2\#($0 % 40 + 10)"# }.joined() + ".example", 0),
      (String(repeating: "a", count: 60) + ".example", 0),
    ])
  func aSledInANameIsFound(name: String, reports: Int) throws {
    var story = try story(port: 53)
    var message = NameStory<OverflowAttempt>.question(name)
    message.nameLength = 70
    try story.tell(.dns(message))
    let told = story.finish()
    #expect(told.count == reports)
    #expect(told.allSatisfy { $0.text("service") == "dns" })
  }

  @Test func aFormatStringIsFound() throws {
    var story = try story(port: 21)
    try story.line("SITE", "EXEC %p%p%p%p%x%x%.f%.f|%n%n")
    let told = story.finish()
    #expect(told.first?.text("sled") == "format")
  }

  /// A short one, and a file's name as links write it.
  @Test(arguments: [("%s%s%s%n%n", 1), ("my%20summer%20song%20for%20friends%20of%20sun%2f", 0)])
  func aFormatStringNeedNotBeLong(argument: String, reports: Int) throws {
    var story = try story(port: 21)
    try story.line("USER", argument)
    #expect(story.finish().count == reports)
  }

  @Test func aBodyWithoutATypeIsFilledBeforeItsCode() throws {
    for (code, reports) in [(Self.x86, 1), (Array("the end".utf8), 0)] {
      var story = try story(port: 80)
      var request = HTTPRequest(head: "POST /x\nHost: a")
      request.body = Array(repeating: 0x41, count: 900) + code + code
      try story.tell(.http(request))
      #expect(story.finish().count == reports)
    }
  }

  /// Instructions that do nothing, by turns; grey pixels.
  @Test(arguments: [([0x90, 0xf8, 0x90, 0xf9, 0x90, 0xfc], 1), ([0xf8, 0xf9, 0xfc, 0xfd], 0)])
  func aLongSledNeedsLittleVariety(bytes: [UInt8], reports: Int) throws {
    var story = try story()
    try story.say((0..<40).flatMap { _ in bytes }, fromClient: true)
    #expect(story.finish().count == reports)
  }

  @Test func anOverlongTargetIsFoundAndLongOnesAreNot() throws {
    var story = try story(port: 80)
    let letters = String(repeating: "abc%2F=d0&ef1g=h2i%20j", count: 70)
    try story.ask("GET /t?\(letters)\nCookie: \(letters)")
    let before = Lab.newest(story.sink.drain())
    try story.ask("GET /" + String(repeating: "A", count: 3000))
    let told = story.finish()
    #expect(before.isEmpty)
    #expect(told.map(\.kind.text) == ["access.overflow"])
  }

  @Test func noiseAndZerosAreNoCode() throws {
    var random = SystemlessRandom(seed: 11)
    var story = try story()
    for _ in 0..<3000 {
      try story.say((0..<256).map { _ in UInt8(random.below(256)) }, fromClient: true)
    }
    try story.say(Array(repeating: 0, count: 256), fromClient: true)
    try story.say(Array(repeating: 0xff, count: 256), fromClient: false)
    let told = story.finish()
    #expect(told.isEmpty, "\(told.map(\.terms))")
  }
}
