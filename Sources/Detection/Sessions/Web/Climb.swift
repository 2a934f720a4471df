/// How far a decoded path, or the paths in a decoded query, climb by `..`.
struct Climb {
  /// Segments that are `..`, however they are disguised.
  private(set) var steps = 0
  /// The most steps within one value.
  private(set) var deepest = 0
  /// Steps written so that a filter misses them: backslashes, `....//`, `..;/`.
  private(set) var disguises = 0
  /// The path leaves the root that it begins at.
  private(set) var isOutside = false

  init(_ bytes: [UInt8]) {
    guard bytes.contains(0x2e) else { return }
    var depth = 0
    var stepsOfValue = 0
    var start = 0
    for place in 0...bytes.count {
      let byte = place < bytes.count ? bytes[place] : 0x2f
      let isSeparator = byte == 0x2f || byte == 0x5c || byte == 0
      let isBoundary = byte == 0x3d || byte == 0x26 || byte == 0x3f || byte == 0x20
      guard isSeparator || isBoundary || byte == 0x22 || byte == 0x27 else { continue }
      let segment = bytes[start..<place]
      start = place + 1
      if isBoundary { depth = 0 }
      if !isSeparator { stepsOfValue = 0 }
      guard isSeparator else { continue }
      if Self.isStep(segment) {
        // What stands at the end has nothing behind it to reach, but `..` alone may be the end.
        steps += 1
        stepsOfValue += 1
        deepest = max(deepest, stepsOfValue)
        depth -= 1
        if byte == 0x5c || segment.count > 2 { disguises += 1 }
        if depth < 0 { isOutside = true }
      } else if !segment.isEmpty, !segment.elementsEqual([0x2e]) {
        depth += 1
      }
    }
  }

  /// `..`, `..;name`, `....` (what remains of it when a filter removes `../` once), `..%00`.
  private static func isStep(_ segment: ArraySlice<UInt8>) -> Bool {
    guard segment.count >= 2, segment.starts(with: [0x2e, 0x2e]) else { return false }
    let rest = segment.dropFirst(2)
    return rest.isEmpty || rest.first == 0x3b || rest.elementsEqual([0x2e, 0x2e])
  }
}
