import Packets
import Terms
import Testing

@testable import Flows

@Suite struct SeedTests {
  /// UDP flows from ports of one host that fall into one bucket of a table with so few buckets.
  private func portsOfOneBucket(seed: UInt64, buckets: UInt64) -> [UInt16] {
    var packet = Packet()
    packet.source = IPAddress(v4: 0x0a00_0001)
    packet.target = IPAddress(v4: 0x0a00_0002)
    packet.transport = .udp
    packet.targetPort = 7
    return (1...UInt16.max).filter { port in
      packet.sourcePort = port
      return FlowKey(packet).hash(seed: seed) & (buckets - 1) == 0
    }
  }

  @Test func onlyWhoKnowsTheSeedCanAimAtOneBucket() {
    var story = Story()
    story.limits.capacity = 4096
    let ports = portsOfOneBucket(seed: story.limits.seed, buckets: 1024).prefix(40)
    #expect(ports.count == 40)
    for (number, port) in ports.enumerated() {
      story.udp("10.0.0.1:\(port)", "10.0.0.2:7", at: 1 + Double(number) / 100)
    }
    #expect(story.run().1.evictedUnanswered == 24)
    for seed in [1, 0xfeed_0000_0000_0001, 0x0123_4567_89ab_cdef] as [UInt64] {
      story.limits.seed = seed
      #expect(story.run().1.evictedUnanswered == 0)
    }
  }
}
