/// TLS up to both hellos (RFC 8446, 4 and 5); and, where the client names no server, or an address
/// for a name, who leads the talk that follows.
final class TLSParser: SessionParser {
  /// Bytes kept of a handshake message.
  static let helloLimit = 16_384
  private static let handshake: UInt8 = 22

  private struct Side {
    var record: [UInt8] = []
    /// Bytes of the record at hand that are to come.
    var left = 0
    var message: [UInt8] = []
    var isDone = false
  }

  @exclusivity(unchecked) private var sides = [Side(), Side()]
  /// Once both hellos are there, for clients that named no server.
  @exclusivity(unchecked) private var isNameless = false
  @exclusivity(unchecked) private var meter = TurnMeter()

  init() { super.init(.tls) }

  override var held: Int { sides[0].message.count + sides[1].message.count }

  override func feed(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    if sides[0].isDone, sides[1].isDone { return measure(bytes.count, direction, &output) }
    var rest = bytes
    let index = direction.index
    while !rest.isEmpty, !sides[index].isDone {
      if sides[index].left == 0 {
        sides[index].record.append(rest[0])
        rest = rest.from(1)
        guard sides[index].record.count == 5 else { continue }
        let record = sides[index].record
        sides[index].record = []
        sides[index].left = Int(record[3]) << 8 | Int(record[4])
        if record[0] != Self.handshake || record[1] != 3 || sides[index].left == 0 {
          sides[index].isDone = true
        }
        continue
      }
      let part = rest.first(sides[index].left)
      sides[index].left -= part.count
      rest = rest.from(part.count)
      sides[index].message.append(contentsOf: part)
      readHello(direction, &output)
    }
    return !sides[0].isDone || !sides[1].isDone || isNameless
  }

  override func skip(
    _ count: UInt64, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    isNameless && sides[0].isDone && sides[1].isDone
  }

  private func measure(
    _ count: Int, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    guard isNameless, meter.take(count, direction, at: output.scene.time) else { return false }
    guard meter.isReversed else { return true }
    output.tell(.turns(meter.talk))
    return false
  }

  private func readHello(_ direction: FlowDirection, _ output: inout SessionOutput) {
    let index = direction.index
    let message = sides[index].message
    guard message.count >= 4 else { return }
    let length = Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3])
    let isHello = message[0] == (direction == .out ? 1 : 2)
    guard isHello, length <= Self.helloLimit else {
      sides[index].isDone = true
      sides[index].message = []
      return
    }
    guard message.count >= length + 4 else { return }
    var hello = message.withUnsafeBytes {
      TLSHello($0.from(4).first(length), isFromClient: direction == .out)
    }
    hello.isFromClient = direction == .out
    sides[index].isDone = true
    sides[index].message = []
    if hello.isFromClient { isNameless = !hello.serverName.contains { $0.isLetter } }
    output.tell(.tls(hello))
  }
}

extension TLSHello {
  private static let nameLimit = 255
  private static let listLimit = 256

  /// What follows the header of a hello message.
  public init(_ bytes: UnsafeRawBufferPointer, isFromClient: Bool) {
    self.init()
    self.isFromClient = isFromClient
    var reader = ByteReader(bytes)
    isWellFormed = read(&reader)
  }

  private mutating func read(_ reader: inout ByteReader) -> Bool {
    guard let version = reader.word(), reader.skip(32), let session = reader.byte(),
      reader.skip(Int(session))
    else { return false }
    legacyVersion = version
    self.version = version
    if isFromClient {
      guard let count = reader.word(), let suites = reader.take(Int(count)),
        let methods = reader.byte(), reader.skip(Int(methods))
      else { return false }
      cipherSuites = Self.words(suites)
    } else {
      guard let suite = reader.word(), reader.skip(1) else { return false }
      cipherSuites = [suite]
    }
    guard reader.remaining > 0 else { return true }
    guard let length = reader.word(), let list = reader.take(Int(length)) else { return false }
    var inner = ByteReader(list)
    while inner.remaining > 0 {
      guard let type = inner.word(), let size = inner.word(), let data = inner.take(Int(size))
      else { return false }
      if extensions.count < Self.listLimit { extensions.append(type) }
      read(type, data)
    }
    return true
  }

  private mutating func read(_ type: UInt16, _ data: UnsafeRawBufferPointer) {
    switch type {
    case 0:
      // A list of one name: list length, type 0, length, name (RFC 6066, 3).
      var reader = ByteReader(data)
      guard reader.skip(3), let length = reader.word(),
        let name = reader.take(min(Int(length), reader.remaining))
      else { return }
      serverName = Array(name.first(Self.nameLimit))
    case 10: groups = Self.words(data.from(2))
    case 11: pointFormats = Array(data.from(1).first(Self.listLimit))
    case 13: signatureAlgorithms = Self.words(data.from(2))
    case 16: readApplicationProtocols(data)
    case 43:
      let offered = isFromClient ? Self.words(data.from(1)) : Self.words(data)
      if let best = offered.filter({ !Self.isGrease($0) }).max() { version = best }
    default: break
    }
  }

  private mutating func readApplicationProtocols(_ data: UnsafeRawBufferPointer) {
    var reader = ByteReader(data, at: 2)
    while applicationProtocols.count < 16, let length = reader.byte(),
      let name = reader.take(Int(length))
    {
      applicationProtocols.append(Array(name))
    }
  }

  private static func words(_ bytes: UnsafeRawBufferPointer) -> [UInt16] {
    var reader = ByteReader(bytes)
    var result: [UInt16] = []
    while result.count < listLimit, let word = reader.word() { result.append(word) }
    return result
  }

  /// Values that mean nothing, sent to keep peers tolerant (RFC 8701).
  static func isGrease(_ value: UInt16) -> Bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
  }
}
