/// Evaluates the conditions of one group on one buffer.
///
/// A content that others seek from is tried at each of its places, as Suricata does
/// (`detect-engine-content-inspection.c`), within a budget that hostile payload cannot exceed.
struct StepRun {
  /// Conditions looked at for one group.
  static let budget = 3000
  static let variableLimit = 16

  let image: RuleImage
  let expressions: Expressions
  /// What byte_extract and byte_math read; shared by the groups of a rule.
  let variables: UnsafeMutablePointer<UInt64>
  /// Decoded base64 goes here.
  let decoded: Base64Room
  private var left = StepRun.budget
  /// The message's body, as far as it is there while more of it may come, and what is not in it.
  var body = UnsafeRawBufferPointer(start: nil, count: 0)
  var absences = Absences()

  init(_ image: RuleImage, _ expressions: Expressions, _ decoded: Base64Room) {
    self.image = image
    self.expressions = expressions
    self.decoded = decoded
    variables = .allocate(capacity: Self.variableLimit)
    variables.initialize(repeating: 0, count: Self.variableLimit)
  }

  mutating func begin() { left = Self.budget }

  /// Whether the steps from `place` to `end` hold, with the cursor where the previous match ended.
  mutating func holds(
    _ place: Int, _ end: Int, _ data: UnsafeRawBufferPointer, cursor: Int
  ) -> Bool {
    guard place < end else { return true }
    guard left > 0 else { return false }
    left -= 1
    let step = image.steps.base + place
    switch step.pointee.kind {
    case .content: return content(step, place, end, data, cursor)
    case .expression: return expression(step, place, end, data, cursor)
    case .byteTest:
      return test(step, data, cursor) && holds(place + 1, end, data, cursor: cursor)
    case .byteJump:
      guard let next = jump(step, data, cursor) else { return false }
      return holds(place + 1, end, data, cursor: next)
    case .byteExtract, .byteMath:
      guard let next = compute(step, data, cursor) else { return false }
      return holds(place + 1, end, data, cursor: next)
    default: return holdsOther(step, data, cursor) && holds(place + 1, end, data, cursor: cursor)
    }
  }

  /// Conditions that leave the cursor where it is.
  private func holdsOther(
    _ step: UnsafePointer<Step>, _ data: UnsafeRawBufferPointer, _ cursor: Int
  ) -> Bool {
    let base = step.pointee.traits.contains(.isRelative) ? cursor : 0
    switch step.pointee.kind {
    case .dataAt:
      let place = base &+ Int(truncatingIfNeeded: number(step, 0))
      // A relative place right at the end counts, as in Suricata.
      let last = step.pointee.traits.contains(.isRelative) ? data.count : data.count - 1
      return (place >= 0 && place <= last) != step.pointee.traits.contains(.isNegated)
    case .size:
      let count = Int64(data.count)
      return (count >= step.pointee.first && count <= step.pointee.second)
        != step.pointee.traits.contains(.isNegated)
    case .base64:
      return decoded.decode(
        data, from: base &+ Int(step.pointee.second), limit: Int(step.pointee.first))
    case .asn1: return ASN1Walk.finds(step.pointee, data, from: base &+ Int(step.pointee.second))
    default: return FTPBounce.address(data) != nil
    }
  }

  /// A constant or a variable of the step.
  @inline(__always) private func number(_ step: UnsafePointer<Step>, _ which: Int) -> Int64 {
    let value =
      switch which {
      case 0: step.pointee.first
      case 1: step.pointee.second
      case 2: step.pointee.third
      default: step.pointee.fourth
      }
    guard step.pointee.variables & 1 &<< UInt8(which) != 0 else { return value }
    return Int64(bitPattern: variables[Int(value) & (Self.variableLimit - 1)])
  }

  /// Variables come from the traffic: beyond any buffer is all the same.
  @inline(__always) private func place(_ step: UnsafePointer<Step>, _ which: Int) -> Int {
    Int(min(max(number(step, which), -1 << 32), 1 << 32))
  }

  /// The octets in which a content may lie; nil for none.
  @inline(__always) private func range(
    _ step: UnsafePointer<Step>, _ data: UnsafeRawBufferPointer, _ cursor: Int
  ) -> Range<Int>? {
    let traits = step.pointee.traits
    var start = 0
    var end = data.count
    if traits.contains(.isRelative) {
      let distance = traits.contains(.hasDistance) ? place(step, 2) : 0
      start = max(cursor &+ distance, 0)
      if traits.contains(.hasWithin) { end = min(end, cursor &+ distance &+ place(step, 3)) }
    }
    let offset = traits.contains(.hasOffset) ? place(step, 0) : 0
    start = max(start, offset)
    if traits.contains(.hasDepth) { end = min(end, offset &+ place(step, 1)) }
    if traits.contains(.endsBuffer) {
      guard end == data.count else { return nil }
      start = max(start, data.count &- Int(step.pointee.bytes.count))
    }
    return start <= end ? start..<end : nil
  }

  /// Whether a content is looked for in all of a body that may grow.
  @inline(__always) private func grows(
    _ step: UnsafePointer<Step>, _ data: UnsafeRawBufferPointer
  ) -> Bool {
    guard let base = body.baseAddress, data.baseAddress == base, data.count == body.count,
      data.count >= Int(step.pointee.bytes.count)
    else { return false }
    return step.pointee.isPlain && !step.pointee.traits.contains(.isNegated)
      && !step.pointee.traits.contains(.endsBuffer)
  }

  private mutating func content(
    _ step: UnsafePointer<Step>, _ place: Int, _ end: Int, _ data: UnsafeRawBufferPointer,
    _ cursor: Int
  ) -> Bool {
    let traits = step.pointee.traits
    let wanted = image.bytes.bytes(step.pointee.bytes)
    let ignoresCase = traits.contains(.ignoresCase)
    var range = range(step, data, cursor)
    let grows = grows(step, data)
    if grows { range = max(absences.count(place) &- wanted.count &+ 1, 0)..<data.count }
    var found: Int?
    let anchor = step.pointee.operation
    if let range {
      found = ByteSearch.find(
        wanted, anchor: anchor, in: data, range, ignoresCase: ignoresCase)
    }
    if traits.contains(.isNegated) {
      return found == nil && holds(place + 1, end, data, cursor: cursor)
    }
    if grows, found == nil { absences.note(place, data.count) }
    while let at = found, let range {
      if holds(place + 1, end, data, cursor: at + wanted.count) { return true }
      guard traits.contains(.isFollowed), left > 0, at + 1 <= range.upperBound else {
        return false
      }
      found = ByteSearch.find(
        wanted, anchor: anchor, in: data, at + 1..<range.upperBound, ignoresCase: ignoresCase)
    }
    return false
  }

  private mutating func expression(
    _ step: UnsafePointer<Step>, _ place: Int, _ end: Int, _ data: UnsafeRawBufferPointer,
    _ cursor: Int
  ) -> Bool {
    let traits = step.pointee.traits
    let base = traits.contains(.isRelative) ? min(max(cursor, 0), data.count) : 0
    let subject = UnsafeRawBufferPointer(rebasing: data[base...])
    let pattern = image.bytes.bytes(step.pointee.bytes)
    var start = 0
    while true {
      let found = expressions.find(
        Int(step.pointee.result), pattern,
        options: UInt16(truncatingIfNeeded: step.pointee.first), in: subject, from: start)
      if traits.contains(.isNegated) {
        return found == nil && holds(place + 1, end, data, cursor: cursor)
      }
      guard let found else { return false }
      if holds(place + 1, end, data, cursor: base + found.upperBound) { return true }
      start = found.lowerBound + 1
      guard traits.contains(.isFollowed), left > 0, start <= subject.count else { return false }
    }
  }
}

/// Numbers.
extension StepRun {
  private func field(
    _ step: UnsafePointer<Step>, _ data: UnsafeRawBufferPointer, _ cursor: Int
  ) -> (value: UInt64, end: Int)? {
    let place = (step.pointee.traits.contains(.isRelative) ? cursor : 0) &+ place(step, 1)
    var notation = step.pointee.notation
    if notation == Step.Notation.dce {
      // Byte order by the data representation of a DCE/RPC header, where there is one (C706,
      // 14.1).
      let isBig = data.count > 4 && data[0] == 5 && data[4] & 0x10 == 0
      notation = isBig ? Step.Notation.bigEndian : Step.Notation.littleEndian
    }
    guard
      let (value, size) = ByteNumber.read(
        data, at: place, count: self.place(step, 0), notation: notation, mask: step.pointee.mask)
    else { return nil }
    return (value, place + size)
  }

  private func test(
    _ step: UnsafePointer<Step>, _ data: UnsafeRawBufferPointer, _ cursor: Int
  ) -> Bool {
    guard let (value, _) = field(step, data, cursor) else { return false }
    let wanted = UInt64(bitPattern: number(step, 2))
    return Comparison.holds(step.pointee.operation, value, wanted)
      != step.pointee.traits.contains(.isNegated)
  }

  private func jump(
    _ step: UnsafePointer<Step>, _ data: UnsafeRawBufferPointer, _ cursor: Int
  ) -> Int? {
    var value: UInt64 = 0
    var end = (step.pointee.traits.contains(.isRelative) ? cursor : 0) &+ place(step, 1)
    // Without octets only the offsets count.
    if step.pointee.first != 0 || step.pointee.variables & 1 != 0 || step.pointee.notation >= 8 {
      guard let read = field(step, data, cursor) else { return nil }
      (value, end) = read
    }
    value = value &* UInt64(bitPattern: max(step.pointee.fourth, 1))
    if step.pointee.traits.contains(.isAligned) { value = (value &+ 3) & ~3 }
    let moved = Int(truncatingIfNeeded: value) &+ place(step, 2)
    let target =
      switch step.pointee.operation {
      case ByteJump.Origin.beginning.rawValue: moved
      case ByteJump.Origin.end.rawValue: data.count &+ moved
      default: end &+ moved
      }
    return target >= 0 && target < data.count ? target : nil
  }

  private func compute(
    _ step: UnsafePointer<Step>, _ data: UnsafeRawBufferPointer, _ cursor: Int
  ) -> Int? {
    guard let (number, end) = field(step, data, cursor) else { return nil }
    var value = number
    if step.pointee.kind == .byteExtract {
      value = value &* UInt64(bitPattern: max(step.pointee.fourth, 1))
      let unit = UInt64(step.pointee.operation)
      if unit > 1 { value = (value &+ unit &- 1) / unit &* unit }
    } else {
      let other = UInt64(bitPattern: self.number(step, 2))
      switch ByteMath.Operation(rawValue: step.pointee.operation) {
      case .add: value = value &+ other
      case .subtract: value = value &- other
      case .multiply: value = value &* other
      case .divide:
        guard other != 0 else { return nil }
        value /= other
      case .shiftLeft: value = other < 64 ? value << other : 0
      case .shiftRight: value = other < 64 ? value >> other : 0
      case nil: return nil
      }
    }
    guard step.pointee.result >= 0 else { return end }
    variables[Int(step.pointee.result) & (Self.variableLimit - 1)] = value
    return end
  }
}

/// `ByteTest.Operation` on two numbers.
enum Comparison {
  @inline(__always) static func holds(
    _ operation: UInt8, _ value: UInt64, _ wanted: UInt64
  ) -> Bool {
    switch ByteTest.Operation(rawValue: operation) {
    case .equal: value == wanted
    case .less: value < wanted
    case .greater: value > wanted
    case .lessOrEqual: value <= wanted
    case .greaterOrEqual: value >= wanted
    case .and: value & wanted != 0
    case .xor: value ^ wanted != 0
    case nil: false
    }
  }
}
