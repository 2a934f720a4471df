/// A TCP conversation whose payload is read.
struct Session {
  /// Place of its flow.
  var flow: Int
  var lastSeen: Int64 = 0
  /// The handshake was seen, so its ends exist.
  var isProven = false
  /// Its flow was reset; it is read on, for a reset may be forged or never arrive.
  var isReset = false
  /// Bytes accounted for it.
  var held = 0
  var parser: SessionParser
}
