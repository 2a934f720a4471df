/// Conditions on bytes to steps.
extension RuleCompiler {
  mutating func addGroup(_ group: BufferMatch) {
    var record = GroupRecord()
    record.buffer = UInt8(group.buffer.code)
    record.isDotted = group.transforms == [.dotPrefix]
    let first = draft.transforms.count
    for transform in group.transforms { transform.append(to: &draft.transforms) }
    record.transforms = Span(first..<draft.transforms.count)
    let start = draft.steps.count
    for condition in group.conditions { addStep(condition) }
    record.steps = Span(start..<draft.steps.count)
    markFollowed(start..<draft.steps.count)
    draft.groups.append(record)
  }

  private mutating func addStep(_ condition: PayloadCondition) {
    let step: Step
    switch condition {
    case .content(let content): step = self.step(content)
    case .expression(let expression):
      var result = Step(.expression)
      result.bytes = draft.string(expression.pattern)
      result.first = Int64(expression.options.rawValue)
      if expression.isNegated { result.traits.insert(.isNegated) }
      if expression.isRelative { result.traits.insert(.isRelative) }
      result.result = expressions
      expressions += 1
      step = result
    case .byteTest(let test):
      var result = Step(.byteTest, test.field)
      result.operation = test.operation.rawValue
      if test.isNegated { result.traits.insert(.isNegated) }
      result.set(2, test.value)
      step = result
    case .byteJump(let jump):
      var result = Step(.byteJump, jump.field)
      result.operation = jump.origin.rawValue
      if jump.isAligned { result.traits.insert(.isAligned) }
      result.set(2, jump.postOffset)
      result.fourth = Int64(jump.multiplier)
      step = result
    case .byteExtract(let extract):
      var result = Step(.byteExtract, extract.field)
      result.operation = extract.alignment
      result.fourth = Int64(extract.multiplier)
      result.result = Int32(extract.variable)
      step = result
    case .byteMath(let math):
      var result = Step(.byteMath, math.field)
      result.operation = math.operation.rawValue
      result.set(2, math.value)
      result.result = Int32(math.result)
      step = result
    default: step = Self.otherStep(condition)
    }
    draft.steps.append(step)
  }

  private static func otherStep(_ condition: PayloadCondition) -> Step {
    switch condition {
    case .dataAt(let data):
      var step = Step(.dataAt)
      step.set(0, data.position)
      if data.isNegated { step.traits.insert(.isNegated) }
      if data.isRelative { step.traits.insert(.isRelative) }
      return step
    case .size(let range):
      var step = Step(.size)
      step.first = Int64(range.low)
      step.second = Int64(range.high)
      if range.isNegated { step.traits.insert(.isNegated) }
      return step
    case .base64Decode(let decode):
      var step = Step(.base64)
      step.first = decode.count.map(Int64.init) ?? -1
      step.second = Int64(decode.offset)
      if decode.isRelative { step.traits.insert(.isRelative) }
      return step
    case .asn1(let check):
      var step = Step(.asn1)
      step.first = check.oversizeLength.map(Int64.init) ?? -1
      step.second = Int64(check.offset)
      if check.isRelative { step.traits.insert(.isRelative) }
      if check.findsBitStringOverflow { step.traits.insert(.findsBitString) }
      if check.findsDoubleOverflow { step.traits.insert(.findsDouble) }
      return step
    default: return Step(.ftpBounce)
    }
  }

  private mutating func step(_ content: Content) -> Step {
    var step = Step(.content)
    let bytes = content.ignoresCase ? content.bytes.map(\.asciiLower) : content.bytes
    step.bytes = draft.string(bytes)
    step.operation = UInt8(truncatingIfNeeded: ByteSearch.anchor(of: bytes))
    if content.isNegated { step.traits.insert(.isNegated) }
    if content.ignoresCase { step.traits.insert(.ignoresCase) }
    if content.endsBuffer { step.traits.insert(.endsBuffer) }
    if content.isRelative { step.traits.insert(.isRelative) }
    if let offset = content.offset {
      step.set(0, offset)
      step.traits.insert(.hasOffset)
    }
    if let depth = content.depth {
      step.set(1, depth)
      step.traits.insert(.hasDepth)
    } else if content.startsBuffer {
      step.second = Int64(content.bytes.count)
      step.traits.insert(.hasDepth)
    }
    if let distance = content.distance {
      step.set(2, distance)
      step.traits.insert(.hasDistance)
    }
    if let within = content.within {
      step.set(3, within)
      step.traits.insert(.hasWithin)
    }
    return step
  }

  /// Whether a later step begins where this one matched.
  private mutating func markFollowed(_ range: Range<Int>) {
    for place in range {
      for later in place + 1..<max(range.upperBound, place + 1) {
        let step = draft.steps[later]
        if step.traits.contains(.isRelative) {
          draft.steps[place].traits.insert(.isFollowed)
          break
        }
        let moves = step.kind == .expression || step.kind == .byteJump || step.kind == .byteExtract
        if !step.traits.contains(.isNegated), step.kind == .content || moves { break }
      }
    }
  }
}

extension Step {
  init(_ kind: Kind, _ field: ByteField) {
    self.init(kind)
    set(0, field.count)
    set(1, field.offset)
    mask = field.mask ?? .max
    if field.mask == 0 { mask = 0 }
    if field.isRelative { traits.insert(.isRelative) }
    switch field.notation {
    case .bigEndian: notation = Notation.bigEndian
    case .littleEndian: notation = Notation.littleEndian
    case .dce: notation = Notation.dce
    case .text(let base): notation = base == 0 ? Notation.automatic : base
    }
  }

  mutating func set(_ number: Int, _ operand: Operand) {
    let value: Int64
    switch operand {
    case .constant(let constant): value = Int64(constant)
    case .variable(let variable):
      value = Int64(variable)
      variables |= 1 << UInt8(number)
    }
    switch number {
    case 0: first = value
    case 1: second = value
    case 2: third = value
    default: fourth = value
    }
  }
}

extension UInt8 {
  /// An ASCII letter in lower case; other bytes as they are.
  @inline(__always) var asciiLower: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
  var isBlankSpace: Bool { self == 0x20 || self >= 0x09 && self <= 0x0d }
}
