/// Which buffer conditions belong to.
extension RuleParser {
  /// The most transforms of a buffer, groups of conditions and conditions of a rule; Suricata stops
  /// earlier.
  static let transformLimit = 16
  static let conditionLimit = 1_024

  mutating func select(_ buffer: StickyBuffer, at offset: Int) throws(RuleFault) {
    try checkSelectionIsUsed(before: offset)
    if buffer == .base64Data, !hasBase64 {
      throw RuleFault(offset, "no base64_decode stands before")
    }
    selection = buffer == .payload ? nil : Selection(buffer: buffer, offset: offset)
  }

  func checkSelectionIsUsed(before offset: Int) throws(RuleFault) {
    guard let selection, selection.group == nil else { return }
    throw RuleFault(
      selection.offset, "no condition follows on the buffer '\(selection.buffer.rawValue)'")
  }

  mutating func add(_ transform: BufferTransform, at offset: Int) throws(RuleFault) {
    guard var chosen = selection else {
      throw RuleFault(offset, "stands behind no buffer that it could transform")
    }
    // Behind a condition it is for those that follow, as in Suricata.
    chosen.group = nil
    guard chosen.transforms.count < Self.transformLimit else {
      throw RuleFault(offset, "more than \(Self.transformLimit) transforms")
    }
    chosen.transforms.append(transform)
    chosen.offset = offset
    selection = chosen
  }

  /// Adds a condition to the buffer that is chosen.
  mutating func append(_ condition: PayloadCondition, at offset: Int) throws(RuleFault) {
    try append(condition, to: chosenGroup(), at: offset)
  }

  /// Adds a condition that, if it is relative and no buffer is chosen, belongs where the one before
  /// it does.
  mutating func append(
    _ condition: PayloadCondition, isRelative: Bool, at offset: Int
  ) throws(RuleFault) {
    if isRelative, selection == nil, let group = lastGroup {
      try append(condition, to: group, at: offset)
    } else {
      try append(condition, at: offset)
    }
  }

  mutating func append(
    _ condition: PayloadCondition, to group: Int, at offset: Int
  ) throws(RuleFault) {
    guard rule.buffers[group].conditions.count < Self.conditionLimit else {
      throw RuleFault(offset, "more than \(Self.conditionLimit) conditions on a buffer")
    }
    if case .content = condition {
      lastContent = (group, rule.buffers[group].conditions.count)
    }
    rule.buffers[group].conditions.append(condition)
    lastGroup = group
  }

  private mutating func chosenGroup() -> Int {
    guard let chosen = selection else { return group(of: .payload) }
    if let group = chosen.group { return group }
    let group = group(of: chosen.buffer, transforms: chosen.transforms)
    selection?.group = group
    return group
  }

  /// The group of a buffer: a second mention of the same buffer goes on with the first, unless a
  /// message may have several instances of it.
  mutating func group(of buffer: StickyBuffer, transforms: [BufferTransform] = []) -> Int {
    if !buffer.isMultiple,
      let position = rule.buffers.firstIndex(where: {
        $0.buffer == buffer && $0.transforms == transforms
      })
    {
      return position
    }
    rule.buffers.append(BufferMatch(buffer: buffer, transforms: transforms))
    return rule.buffers.count - 1
  }

  /// An older modifier such as `http_uri`: the content before it was on that buffer.
  mutating func moveContent(to buffer: StickyBuffer, at offset: Int) throws(RuleFault) {
    guard selection == nil else {
      throw RuleFault(offset, "stands where a sticky buffer is chosen")
    }
    guard let (from, position) = lastContent else {
      throw RuleFault(offset, "stands behind no content")
    }
    guard rule.buffers[from].buffer == .payload,
      case .content(let content) = rule.buffers[from].conditions[position]
    else {
      throw RuleFault(
        offset, "the content before it is already on '\(rule.buffers[from].buffer.rawValue)'")
    }
    guard !content.isRaw else { throw RuleFault(offset, "the content before it is rawbytes") }
    rule.buffers[from].conditions.remove(at: position)
    try append(.content(content), to: group(of: buffer), at: offset)
  }

  private var hasBase64: Bool {
    rule.buffers.contains { group in
      group.conditions.contains {
        if case .base64Decode = $0 { true } else { false }
      }
    }
  }
}
