/// The names that a DNS query asks for (RFC 1035, 4.1), as rules read them: labels joined by dots,
/// octets as they came.
enum DNSNames {
  static let questionLimit = 4
  private static let nameLimit = 255

  /// Whether bytes look like a query: for ports where DNS is not at home.
  static func asks(_ message: UnsafeRawBufferPointer) -> Bool {
    message.count >= 17 && message[2] & 0xf8 == 0 && message[4] == 0 && message[5] == 1
      && message[6] == 0 && message[7] == 0 && message[8] == 0 && message[9] == 0
      && message[10] == 0 && message[11] <= 1 && message[12] > 0 && message[12] < 64
  }

  /// Writes each name, behind a dot that contents may ask for, and shows it without.
  static func forEach(
    _ message: UnsafeRawBufferPointer, in store: ByteStore,
    _ show: (UnsafeRawBufferPointer) -> Void
  ) {
    guard message.count >= 12, message[2] & 0x80 == 0 else { return }
    let questions = Int(message[4]) << 8 | Int(message[5])
    var at = 12
    for _ in 0..<min(questions, questionLimit) {
      store.clear()
      store.append(0x2e)
      guard let end = write(message, from: at, in: store) else { return }
      show(UnsafeRawBufferPointer(rebasing: store.bytes[1...]))
      at = end + 4
    }
  }

  /// - Returns: where the name ends; nil when it is not sound.
  private static func write(
    _ message: UnsafeRawBufferPointer, from start: Int, in store: ByteStore
  ) -> Int? {
    var at = start
    var after: Int?
    var hops = 0
    while at < message.count {
      let length = Int(message[at])
      if length == 0 { return after ?? at + 1 }
      if length >= 0xc0 {
        guard at + 1 < message.count, hops < 16 else { return nil }
        after = after ?? at + 2
        let target = (length & 0x3f) << 8 | Int(message[at + 1])
        guard target < at else { return nil }
        at = target
        hops += 1
        continue
      }
      guard length < 64, at + 1 + length <= message.count, store.count + length <= nameLimit + 2
      else { return nil }
      if store.count > 1 { store.append(0x2e) }
      store.append(UnsafeRawBufferPointer(rebasing: message[at + 1..<at + 1 + length]))
      at += length + 1
    }
    return nil
  }
}
