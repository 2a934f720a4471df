import Terms

/// Turns a pcapng interface's ticks into time: `if_tsresol` and `if_tsoffset`.
struct InterfaceClock {
  private enum Resolution {
    /// A tick is this many nanoseconds.
    case nanoseconds(UInt64)
    /// This many ticks are a nanosecond.
    case ticks(UInt64)
    /// A tick is 2 to the minus this seconds.
    case binary(UInt64)
  }

  private var resolution = Resolution.nanoseconds(1000)
  /// Seconds added to every time.
  private var offset: Int64 = 0

  /// From the options of an interface description block, malformed ones ignored.
  init(options block: UnsafeRawBufferPointer, of format: BlockFormat) {
    var at = 16
    let end = block.count - 4
    while at + 4 <= end {
      let code = format.word(block, at)
      let length = Int(format.word(block, at + 2))
      guard code != 0, at + 4 + length <= end else { return }
      switch (code, length) {
      case (9, 1): resolution = Self.resolution(block[at + 4])
      case (14, 8):
        let halves = (format.long(block, at + 4), format.long(block, at + 8))
        let (high, low) = Self.isLittleEndian(format) ? (halves.1, halves.0) : halves
        offset = Int64(bitPattern: UInt64(high) << 32 | UInt64(low))
      default: break
      }
      at += 4 + (length + 3) & ~3
    }
  }

  private static func isLittleEndian(_ format: BlockFormat) -> Bool {
    (UInt16(1).littleEndian == 1) != format.isSwapped
  }

  private static func resolution(_ value: UInt8) -> Resolution {
    let exponent = Int(value & 0x7f)
    if value & 0x80 != 0 { return .binary(UInt64(exponent)) }
    // 10 to the 19th is the last power in 64 bits; finer ticks all round to zero anyway.
    let power = (0..<min(abs(9 - exponent), 19)).reduce(UInt64(1)) { power, _ in power &* 10 }
    return exponent <= 9 ? .nanoseconds(power) : .ticks(power)
  }

  /// Saturates at the ends of time.
  func time(_ ticks: UInt64) -> CaptureTime {
    CaptureTime(nanoseconds: Int64(clamping: nanoseconds(ticks))) + .seconds(Int(offset))
  }

  private func nanoseconds(_ ticks: UInt64) -> UInt64 {
    switch resolution {
    case .nanoseconds(let scale):
      let (product, overflow) = ticks.multipliedReportingOverflow(by: scale)
      return overflow ? .max : product
    case .ticks(let divisor): return ticks / divisor
    case .binary(let exponent):
      let (high, low) = ticks.multipliedFullWidth(by: 1_000_000_000)
      if exponent >= 64 { return high >> (exponent - 64) }
      guard high >> exponent == 0 else { return .max }
      return exponent == 0 ? low : high << (64 - exponent) | low >> exponent
    }
  }
}
