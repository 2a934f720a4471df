/// DNS over TCP: messages behind their lengths (RFC 7766, 8).
final class DNSStreamParser: SessionParser {
  /// Messages read of one conversation: a zone transfer goes on for long.
  static let messageLimit = 256

  @exclusivity(unchecked) private var buffers: [[UInt8]] = [[], []]
  @exclusivity(unchecked) private var messages = 0

  init() { super.init(.dns) }

  override var held: Int { buffers[0].count + buffers[1].count }

  override func feed(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    let index = direction.index
    var rest = bytes
    while !rest.isEmpty {
      let wanted = wanted(index)
      let part = rest.first(wanted)
      buffers[index].append(contentsOf: part)
      rest = rest.from(part.count)
      guard buffers[index].count > 2, wanted == part.count else { continue }
      var message = buffers[index].withUnsafeBytes { DNSReader.read($0.from(2)) }
      buffers[index].removeAll(keepingCapacity: true)
      message.size += 2
      output.tell(.dns(message))
      messages += 1
      if messages >= Self.messageLimit { return false }
    }
    return true
  }

  /// Bytes to the end of the length, or of the message; an empty message says nothing.
  private func wanted(_ index: Int) -> Int {
    let buffer = buffers[index]
    guard buffer.count >= 2 else { return 2 - buffer.count }
    let length = max(1, Int(buffer[0]) << 8 | Int(buffer[1]))
    return max(1, length + 2 - buffer.count)
  }
}
