import Testing

@testable import Signatures

/// Few new bytes that are looked at without a search.
struct ContentTailTests {
  private let contents: [[UInt8]] = [
    "needle", "GET /secret", "|", "ab", "xyz", "\u{0}\u{1}\u{2}\u{3}", "USER root", "{}[]",
  ].map { Array($0.utf8) }

  private func mayEnd(_ bytes: [UInt8], new: Int, among contents: [[UInt8]]) -> Bool {
    let shortest = contents.map(\.count).min() ?? 0
    return ContentTails.table(contents).withUnsafeBufferPointer { table in
      bytes.withUnsafeBytes { bytes in
        table.baseAddress.map {
          ContentTails.mayEnd(inLast: new, of: bytes, $0, shortest: shortest)
        } ?? true
      }
    }
  }

  /// Whatever stands before and behind a content, and however its letters are written.
  @Test func noContentThatEndsInNewBytesIsMissed() {
    for content in contents {
      for before in 0...5 {
        for behind in 0...3 {
          for isUpper in [false, true] {
            let text =
              isUpper
              ? String(decoding: content, as: UTF8.self).uppercased().utf8.map { $0 } : content
            let bytes =
              [UInt8](repeating: 0x7e, count: before) + text
              + [UInt8](repeating: 0x7e, count: behind)
            let end = behind + 1
            for new in end...bytes.count {
              #expect(mayEnd(bytes, new: new, among: [content]), "\(content) \(before) \(new)")
              #expect(mayEnd(bytes, new: new, among: contents))
            }
          }
        }
      }
    }
  }

  /// Else nothing would be saved.
  @Test func bytesInWhichNothingEndsAreToldApart() {
    let long = contents.filter { $0.count > 4 }
    #expect(!mayEnd(Array("needle".utf8) + [0x20], new: 1, among: long))
    #expect(!mayEnd(Array("nothing of interest".utf8), new: 16, among: long))
    #expect(!mayEnd(Array("need".utf8), new: 4, among: long))
    #expect(!mayEnd([], new: 0, among: long))
  }

  /// A terminal's keys come one by one.
  @Test func aContentIsFoundThatCameByteByByte() throws {
    var talk = Conversation("10.0.0.1:40000", "192.0.2.7:2323")
    for byte in "cat /etc/shadow | mail".utf8 { talk.ask([byte]) }
    let rules = """
      alert tcp any any -> any any (msg:"t"; content:"/etc/SHADOW"; nocase; sid:1;)
      alert tcp any any -> any 2323 (msg:"t"; content:"shadow |7C| mail"; sid:2;)
      alert tcp any any -> any any (msg:"t"; content:"w |7C|"; content:"mail"; distance:1; sid:3;)
      alert tcp any any -> any any (msg:"t"; content:"/etc/passwd"; sid:4;)
      """
    #expect(try talk.matches(rules).sorted() == [1, 2, 3])
  }
}
