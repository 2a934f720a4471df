import Terms

/// One DNS message from its bytes (RFC 1035, 4), in linear time for any bytes.
struct DNSReader {
  /// Compression pointers followed in one name, and in one message.
  private static let pointersPerName = 32
  private static let pointersPerMessage = 256
  /// Bytes of a name (RFC 1035, 2.3.4).
  private static let nameLimit = 255
  /// Records read; those that are not kept only for their soundness.
  private static let recordCeiling = 512
  /// Bytes kept of a text.
  private static let textLimit = 512

  private var reader: ByteReader
  private var message = DNSMessage()
  private var pointers = 0
  /// The name at hand, as it is shown: one room for all names of the message.
  private var text: [UInt8] = []

  /// The message in `bytes`, as far as it is sound.
  static func read(_ bytes: UnsafeRawBufferPointer) -> DNSMessage {
    var reader = DNSReader(reader: ByteReader(bytes))
    reader.message.size = bytes.count
    reader.readAll()
    return reader.message
  }

  private init(reader: ByteReader) { self.reader = reader }

  private mutating func readAll() {
    guard reader.remaining >= 12, let id = reader.word(), let flags = reader.word(),
      let questions = reader.word(), let answers = reader.word(), let authorities = reader.word(),
      let additionals = reader.word()
    else {
      message.malformation = .truncatedHeader
      return
    }
    message.id = id
    message.flags = flags
    message.questionCount = questions
    message.answerCount = answers
    message.authorityCount = authorities
    message.additionalCount = additionals
    let records = Int(answers) + Int(authorities) + Int(additionals)
    // A question takes five bytes at least, a record eleven.
    guard Int(questions) * 5 + records * 11 <= reader.remaining else {
      readQuestions(Int(questions))
      if message.malformation == .none { message.malformation = .impossibleCounts }
      return
    }
    readQuestions(Int(questions))
    readRecords(Int(answers), .answer)
    readRecords(Int(authorities), .authority)
    readRecords(Int(additionals), .additional)
    if message.malformation == .none, records <= Self.recordCeiling, reader.remaining > 0 {
      message.malformation = .trailingBytes
    }
  }

  private mutating func readQuestions(_ count: Int) {
    for number in 0..<min(count, Self.recordCeiling) {
      guard message.malformation == .none else { return }
      let start = reader.offset
      guard let name = readName(isShown: number == 0) else { return }
      if number == 0 {
        message.name = name.text
        message.nameLength = reader.offset - start
        message.longestLabel = name.longestLabel
        message.labelCount = name.labels
      }
      guard let type = reader.word(), let recordClass = reader.word() else {
        message.malformation = .truncated
        return
      }
      guard number == 0 else { continue }
      message.queryType = type
      message.queryClass = recordClass
    }
  }

  private mutating func readRecords(_ count: Int, _ section: DNSMessage.Record.Section) {
    for _ in 0..<min(count, Self.recordCeiling) {
      guard message.malformation == .none else { return }
      let isKept = message.records.count < DNSMessage.recordLimit
      guard let name = readName(isShown: isKept) else { return }
      guard let type = reader.word(), let recordClass = reader.word(), let live = reader.long(),
        let length = reader.word(), reader.remaining >= Int(length)
      else {
        message.malformation = .truncated
        return
      }
      let end = reader.offset + Int(length)
      if isKept {
        let value = readValue(type, length: Int(length), end: end)
        message.records.append(
          DNSMessage.Record(
            section: section, name: name.text, type: type, recordClass: recordClass,
            timeToLive: live, length: length, value: value))
      }
      reader.offset = end
    }
  }

  private mutating func readValue(
    _ type: UInt16, length: Int, end: Int
  ) -> DNSMessage.Record.Value {
    switch type {
    case DNSMessage.RecordType.a:
      guard length == 4, let address = reader.long() else { return bad() }
      return .address(IPAddress(v4: address))
    case DNSMessage.RecordType.aaaa:
      guard length == 16, let bytes = reader.take(16) else { return bad() }
      return .address(IPAddress(networkBytes: bytes))
    case DNSMessage.RecordType.mx: return readNameValue(after: 2, length: length, end: end)
    case DNSMessage.RecordType.srv: return readNameValue(after: 6, length: length, end: end)
    case DNSMessage.RecordType.ns, DNSMessage.RecordType.cname, DNSMessage.RecordType.ptr,
      DNSMessage.RecordType.soa:
      return readNameValue(after: 0, length: length, end: end)
    case DNSMessage.RecordType.txt: return readText(end: end)
    default: return .other
    }
  }

  private mutating func bad() -> DNSMessage.Record.Value {
    // Updates have records without data (RFC 2136, 2.4).
    if message.malformation == .none, message.opcode != 5 { message.malformation = .badRecord }
    return .other
  }

  private mutating func readNameValue(
    after skipped: Int, length: Int, end: Int
  ) -> DNSMessage.Record.Value {
    // An empty record belongs to an update (RFC 2136).
    guard length > 0 else { return .other }
    guard length > skipped, reader.skip(skipped), let name = readName(isShown: true),
      reader.offset <= end
    else { return bad() }
    return .name(name.text)
  }

  private mutating func readText(end: Int) -> DNSMessage.Record.Value {
    var text: [UInt8] = []
    while reader.offset < end {
      guard let count = reader.byte(), reader.offset + Int(count) <= end,
        let part = reader.take(Int(count))
      else { return bad() }
      text.append(contentsOf: part.first(Self.textLimit - text.count))
    }
    return .text(text)
  }

  /// The name at hand; the reader then stands behind it. `isShown` when its text is wanted.
  private mutating func readName(
    isShown: Bool
  ) -> (text: String, labels: Int, longestLabel: Int)? {
    text.removeAll(keepingCapacity: true)
    var (labels, longest, length, hops) = (0, 0, 1, 0)
    var at = reader.offset
    var after: Int?
    while true {
      guard at < reader.bytes.count else { return fail(.truncated) }
      let first = Int(reader.bytes[at])
      if first == 0 {
        reader.offset = after ?? at + 1
        return (isShown ? String(decoding: text, as: UTF8.self) : "", labels, longest)
      }
      switch first >> 6 {
      case 0:
        guard at + 1 + first <= reader.bytes.count else { return fail(.truncated) }
        length += first + 1
        guard length <= Self.nameLimit else { return fail(.badName) }
        if isShown { Self.show(reader.bytes[at + 1..<at + 1 + first], in: &text) }
        labels += 1
        longest = max(longest, first)
        at += first + 1
      case 3:
        guard at + 1 < reader.bytes.count else { return fail(.truncated) }
        let target = (first & 0x3f) << 8 | Int(reader.bytes[at + 1])
        after = after ?? at + 2
        hops += 1
        pointers += 1
        guard target < at, hops <= Self.pointersPerName, pointers <= Self.pointersPerMessage
        else { return fail(.compressionLoop) }
        at = target
      default: return fail(.badName)
      }
    }
  }

  private mutating func fail(
    _ malformation: DNSMessage.Malformation
  ) -> (text: String, labels: Int, longestLabel: Int)? {
    message.malformation = malformation
    return nil
  }

  /// Which bytes stand for themselves: letters, digits, `-` and `_`.
  private static let plain: [Bool] = (0..<256).map { value in
    let byte = UInt8(value)
    return byte.isLetter || byte.isDigit || byte == 0x2d || byte == 0x5f
  }

  private static func show(_ label: Slice<UnsafeRawBufferPointer>, in text: inout [UInt8]) {
    let label = UnsafeRawBufferPointer(rebasing: label)
    if text.isEmpty { text.reserveCapacity(64) } else { text.append(0x2e) }
    let isPlain = plain.withUnsafeBufferPointer { plain in
      label.allSatisfy { plain[Int($0)] }
    }
    guard !isPlain else {
      text.append(contentsOf: label)
      return
    }
    for byte in label {
      if plain[Int(byte)] {
        text.append(byte)
      } else {
        text.append(0x5c)
        text.append(0x30 + byte / 100)
        text.append(0x30 + byte / 10 % 10)
        text.append(0x30 + byte % 10)
      }
    }
  }
}
