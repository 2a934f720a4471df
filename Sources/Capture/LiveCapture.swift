import CPcap
import Glibc
import Packets
import Terms

/// A live capture from a network interface through libpcap.
public struct LiveCapture: ~Copyable, @unchecked Sendable {
  /// How to capture.
  public struct Options: Sendable {
    /// A BPF filter in pcap-filter syntax; empty for everything.
    public var filter = ""
    /// Bytes kept of each frame.
    public var snapLength = 65_535
    public var isPromiscuous = true
    /// The kernel's ring, in bytes: about 30 ms of a full gigabit link by default.
    public var bufferSize = 16 * 1024 * 1024
    /// Hand frames over at once instead of by blocks: more wake-ups, less delay.
    public var isImmediate = false
    /// How long the kernel may hold a block that is not full.
    public var blockTimeout = TimeSpan.milliseconds(100)

    public init() {}
  }

  /// Frames since the capture began, as the kernel counts them.
  public struct Statistics: Sendable, Equatable {
    public var received: UInt64 = 0
    /// For want of room in the kernel's ring: too slow a reader.
    public var dropped: UInt64 = 0
    /// By the interface or its driver.
    public var interfaceDropped: UInt64 = 0
  }

  public let interface: String
  public let linkType: LinkType
  private let handle: OpaquePointer
  private let fractionScale: Int64
  /// The kernel's 32-bit counters as last read, and their sums.
  private var lastStatistics = pcap_stat()
  private var sums = Statistics()

  /// Opens the interface; needs the privilege to capture (root or CAP_NET_RAW).
  public init(interface: String, options: Options = Options()) throws(CaptureFault) {
    self.interface = interface
    do throws(CaptureFault.Reason) {
      handle = try Self.open(interface, options)
    } catch {
      throw CaptureFault(name: interface, location: nil, reason: error)
    }
    linkType = LinkType(number: UInt32(clamping: pcap_datalink(handle)))
    let isNano = pcap_get_tstamp_precision(handle) == PCAP_TSTAMP_PRECISION_NANO
    fractionScale = isNano ? 1 : 1000
  }

  deinit { pcap_close(handle) }

  /// Lends up to `limit` frames to `body`; waits for the first one up to `timeout`.
  ///
  /// - Returns: how many frames; 0 when none came in time.
  public mutating func read(
    atMost limit: Int, timeout: TimeSpan, _ body: (Frame) -> Void
  ) throws(CaptureFault) -> Int {
    let count = try dispatch(limit, body)
    guard count == 0 else { return count }
    var waiting = pollfd(fd: pcap_get_selectable_fd(handle), events: Int16(POLLIN), revents: 0)
    let milliseconds = max(0, timeout.nanoseconds / 1_000_000)
    let ready = poll(&waiting, 1, Int32(clamping: milliseconds))
    return ready > 0 ? try dispatch(limit, body) : 0
  }

  /// What the kernel has counted so far.
  public mutating func statistics() -> Statistics {
    var now = pcap_stat()
    guard pcap_stats(handle, &now) == 0 else { return sums }
    // The kernel's counters wrap at 32 bits.
    sums.received += UInt64(now.ps_recv &- lastStatistics.ps_recv)
    sums.dropped += UInt64(now.ps_drop &- lastStatistics.ps_drop)
    sums.interfaceDropped += UInt64(now.ps_ifdrop &- lastStatistics.ps_ifdrop)
    lastStatistics = now
    return sums
  }

  private func dispatch(_ limit: Int, _ body: (Frame) -> Void) throws(CaptureFault) -> Int {
    let count = withoutActuallyEscaping(body) { body in
      var lending = Lending(body: body, fractionScale: fractionScale, linkType: linkType)
      return withUnsafeMutablePointer(to: &lending) { pointer in
        pcap_dispatch(
          handle, Int32(clamping: max(limit, 1)),
          { context, header, bytes in
            guard let context, let header, let bytes else { return }
            UnsafeMutableRawPointer(context).assumingMemoryBound(to: Lending.self).pointee
              .lend(header.pointee, bytes)
          }, UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt8.self))
      }
    }
    guard count >= 0 else {
      let text = String(cString: pcap_geterr(handle))
      throw CaptureFault(name: interface, location: nil, reason: .interface(text))
    }
    return Int(count)
  }

  /// What libpcap's callback needs to lend a frame.
  private struct Lending {
    let body: (Frame) -> Void
    let fractionScale: Int64
    let linkType: LinkType

    func lend(_ header: pcap_pkthdr, _ bytes: UnsafePointer<UInt8>) {
      let time =
        Int64(header.ts.tv_sec) &* 1_000_000_000 &+ Int64(header.ts.tv_usec) &* fractionScale
      body(
        Frame(
          time: CaptureTime(nanoseconds: time),
          bytes: UnsafeRawBufferPointer(start: bytes, count: Int(header.caplen)),
          wireLength: max(header.len, header.caplen), linkType: linkType))
    }
  }
}
