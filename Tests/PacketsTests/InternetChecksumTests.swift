import Packets
import Testing

struct InternetChecksumTests {
  /// The example of RFC 1071, 3.
  @Test func theExampleOfTheRFCAddsUp() {
    let bytes: [UInt8] = [0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7]
    let sum = bytes.withUnsafeBytes { InternetChecksum.sum($0.baseAddress!, $0.count) }
    #expect(UInt16(bigEndian: sum) == 0xddf2)
  }

  @Test func everyLengthAndPlaceAddsUpAsTheSlowWayDoes() {
    let bytes = (0..<400).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ 7) }
    for start in 0..<9 {
      for count in 0..<(bytes.count - start) {
        var slow: UInt32 = 0
        for at in stride(from: 0, to: count, by: 2) {
          slow += UInt32(bytes[start + at]) << 8
          if at + 1 < count { slow += UInt32(bytes[start + at + 1]) }
        }
        while slow >> 16 != 0 { slow = slow & 0xffff + slow >> 16 }
        let sum = bytes.withUnsafeBytes { InternetChecksum.sum($0.baseAddress! + start, count) }
        #expect(UInt16(bigEndian: sum) == UInt16(slow), "\(start) \(count)")
      }
    }
  }

  @Test func carriesOfTheLongestPacketAreNotLost() {
    let bytes = [UInt8](repeating: 0xff, count: 65_535)
    let sum = bytes.withUnsafeBytes { InternetChecksum.sum($0.baseAddress!, $0.count) }
    #expect(UInt16(bigEndian: sum) == 0xff00)
  }
}
