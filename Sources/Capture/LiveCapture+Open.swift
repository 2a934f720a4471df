import CPcap
import Terms

extension LiveCapture {
  /// The names of the interfaces of this machine, as libpcap lists them.
  public static func interfaces() -> [String] {
    var first: UnsafeMutablePointer<pcap_if_t>?
    var text = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
    guard pcap_findalldevs(&first, &text) == 0 else { return [] }
    defer { pcap_freealldevs(first) }
    var names: [String] = []
    var next = first
    while let device = next {
      names.append(String(cString: device.pointee.name))
      next = device.pointee.next
    }
    return names
  }

  /// A handle that is active, filtered and does not block.
  static func open(
    _ interface: String, _ options: Options
  ) throws(CaptureFault.Reason) -> OpaquePointer {
    var text = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
    guard let handle = pcap_create(interface, &text) else {
      throw .interface(Self.text(text))
    }
    do throws(CaptureFault.Reason) {
      try activate(handle, options)
      try setFilter(handle, options.filter)
      guard pcap_setnonblock(handle, 1, &text) == 0 else { throw .interface(Self.text(text)) }
      return handle
    } catch {
      pcap_close(handle)
      throw error
    }
  }

  private static func activate(
    _ handle: OpaquePointer, _ options: Options
  ) throws(CaptureFault.Reason) {
    pcap_set_snaplen(handle, Int32(clamping: options.snapLength))
    pcap_set_promisc(handle, options.isPromiscuous ? 1 : 0)
    pcap_set_buffer_size(handle, Int32(clamping: options.bufferSize))
    pcap_set_immediate_mode(handle, options.isImmediate ? 1 : 0)
    let milliseconds = max(1, options.blockTimeout.nanoseconds / 1_000_000)
    pcap_set_timeout(handle, Int32(clamping: milliseconds))
    // Refused where the platform has none; the time stamps are then in microseconds.
    pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO)
    let status = pcap_activate(handle)
    guard status < 0 else { return }
    let detail = String(cString: pcap_geterr(handle))
    let general = String(cString: pcap_statustostr(status))
    switch status {
    case PCAP_ERROR_NO_SUCH_DEVICE: throw .noSuchInterface(existing: interfaces())
    case PCAP_ERROR_PERM_DENIED, PCAP_ERROR_PROMISC_PERM_DENIED:
      throw .noPermission(detail.isEmpty ? general : detail)
    default: throw .interface(detail.isEmpty ? general : detail)
    }
  }

  private static func setFilter(
    _ handle: OpaquePointer, _ filter: String
  ) throws(CaptureFault.Reason) {
    guard !filter.isEmpty else { return }
    var program = bpf_program()
    guard pcap_compile(handle, &program, filter, 1, PCAP_NETMASK_UNKNOWN) == 0 else {
      throw .filter(String(cString: pcap_geterr(handle)))
    }
    defer { pcap_freecode(&program) }
    guard pcap_setfilter(handle, &program) == 0 else {
      throw .filter(String(cString: pcap_geterr(handle)))
    }
  }

  private static func text(_ buffer: [CChar]) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
