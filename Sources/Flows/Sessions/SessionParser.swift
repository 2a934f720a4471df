import Terms

/// Reads the bytes of one conversation, in order and however they are cut, and tells what is said.
///
/// A class, so that a session can change its parser. Each has one owner and nothing calls back into
/// it, so its properties go without run-time checks of exclusive access: they cost 15 ns per packet.
class SessionParser {
  @exclusivity(unchecked) final var kind: SessionProtocol
  /// When `tick` is wanted next, in nanoseconds.
  @exclusivity(unchecked) final var nextTick = Int64.max
  /// Bytes held, at most.
  var held: Int { 0 }

  init(_ kind: SessionProtocol) { self.kind = kind }

  /// Takes the next bytes of one direction.
  ///
  /// - Returns: whether more is wanted; false dismisses the conversation.
  func feed(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool { false }

  /// `count` bytes of one direction are lost.
  func skip(
    _ count: UInt64, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool { false }

  /// The conversation is over.
  func finish(_ output: inout SessionOutput) {}

  /// Event time has reached `nextTick`.
  func tick(_ output: inout SessionOutput) { nextTick = .max }
}
