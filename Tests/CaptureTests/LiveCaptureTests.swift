import Capture
import Glibc
import Packets
import Terms
import Testing

/// Whether this process may capture: an interface that exists opens.
private let mayCapture: Bool = {
  do {
    let capture = try LiveCapture(interface: "lo")
    return capture.interface == "lo"
  } catch { return false }
}()

@Suite struct LiveCaptureTests {
  /// Sends `payload` to a port of this machine that nobody needs to listen on.
  private func send(_ payload: [UInt8], toPort port: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, payload, payload.count, 0, $0, size)
      }
    }
  }

  @Test(.enabled(if: mayCapture)) func aDatagramToLoopbackIsSeen() throws {
    var options = LiveCapture.Options()
    options.filter = "udp port 40917"
    options.isImmediate = true
    var capture = try LiveCapture(interface: "lo", options: options)
    send([1, 2, 3, 4, 5], toPort: 40_917)
    var seen: [Packet] = []
    for _ in 0..<20 where seen.isEmpty {
      _ = try capture.read(atMost: 10, timeout: .milliseconds(100)) { frame in
        var packet = Packet()
        PacketDecoder.decode(
          frame.bytes, linkType: frame.linkType, wireLength: frame.wireLength, time: frame.time,
          index: 0, into: &packet)
        seen.append(packet)
      }
    }
    let packet = try #require(seen.first)
    #expect(packet.target == IPAddress("127.0.0.1") && packet.targetPort == 40_917)
    #expect(packet.payloadLength == 5 && packet.time > CaptureTime(seconds: 1e9))
    #expect(capture.statistics().received >= 1)
  }

  @Test(.enabled(if: mayCapture)) func silenceEndsWithTheTimeout() throws {
    var options = LiveCapture.Options()
    options.filter = "udp port 40918"
    var capture = try LiveCapture(interface: "lo", options: options)
    #expect(try capture.read(atMost: 10, timeout: .milliseconds(20)) { _ in } == 0)
  }

  @Test(.enabled(if: mayCapture)) func aBadFilterAndAnUnknownInterfaceAreNamed() {
    var options = LiveCapture.Options()
    options.filter = "porcupine 80"
    let filter = #expect(throws: CaptureFault.self) {
      _ = try LiveCapture(interface: "lo", options: options).linkType
    }
    if case .filter = filter?.reason {} else { Issue.record("\(String(describing: filter))") }
    let fault = #expect(throws: CaptureFault.self) {
      _ = try LiveCapture(interface: "nosuch0").linkType
    }
    #expect(fault?.description.contains("no such interface; there are: ") == true)
    #expect(fault?.description.contains("lo") == true)
  }
}
