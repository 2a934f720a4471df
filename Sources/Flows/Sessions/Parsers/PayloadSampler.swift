/// Samples a conversation that no parser understands: the beginning of each turn.
final class PayloadSampler: SessionParser {
  /// Turns sampled.
  static let turnLimit = 8
  /// Bytes of one direction after which the conversation is left alone.
  static let byteLimit: UInt64 = 16_384

  @exclusivity(unchecked) private var offsets: [UInt64] = [0, 0]
  @exclusivity(unchecked) private var turn = -1
  @exclusivity(unchecked) private var speaker = FlowDirection.out
  @exclusivity(unchecked) private var sample = PayloadSample()
  @exclusivity(unchecked) private var isTold = true

  init() { super.init(.unknown) }

  override var held: Int { sample.bytes.count }

  override func feed(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    if turn < 0 || direction != speaker {
      tell(&output)
      turn += 1
      guard turn < Self.turnLimit else { return false }
      speaker = direction
      sample = PayloadSample()
      sample.isFromClient = direction == .out
      sample.turn = turn
      sample.offset = offsets[direction.index]
      isTold = false
    }
    offsets[direction.index] &+= UInt64(bytes.count)
    if !isTold {
      sample.bytes.append(contentsOf: bytes.first(PayloadSample.limit - sample.bytes.count))
      if sample.bytes.count >= PayloadSample.limit { tell(&output) }
    }
    return offsets[direction.index] < Self.byteLimit
  }

  override func skip(
    _ count: UInt64, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    if direction == speaker { tell(&output) }
    offsets[direction.index] &+= count
    return offsets[direction.index] < Self.byteLimit
  }

  override func finish(_ output: inout SessionOutput) { tell(&output) }

  private func tell(_ output: inout SessionOutput) {
    guard !isTold else { return }
    isTold = true
    output.tell(.payload(sample), from: speaker)
    sample.bytes = []
  }
}
