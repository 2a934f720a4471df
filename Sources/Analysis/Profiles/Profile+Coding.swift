import Terms

extension Profile {
  /// Epochs' bins that one window may hold.
  private static let windowEpochs = 16

  public func encode(into writer: inout StateWriter) {
    writer.put(recent)
    writer.put(step)
    writer.put(amounts)
    writer.put(faded.nanoseconds)
    writer.put(usual)
    writer.put(tails)
    writer.put(sums)
    writer.put(keys)
    writer.put(fresh)
    writer.put(held)
    writer.put(freshBins)
    writer.put(heldBins)
    writer.put(windowStart.nanoseconds)
    writer.put(phase.rawValue)
    writer.put(phaseBegun.nanoseconds)
    writer.put(learned)
    writer.put(day)
    writer.put(frozenUntil.nanoseconds)
  }

  /// Reads a profile of this layout; one of another shape is a fault.
  public init(
    _ layout: ProfileLayout, from reader: inout StateReader
  ) throws(StateFault) {
    self.init(layout, begun: .distantPast)
    recent = try reader.weights(count: recent.count)
    step = try reader.weights(count: step.count)
    amounts = try reader.weights(count: amounts.count)
    faded = CaptureTime(nanoseconds: try reader.integer())
    usual = try reader.weights(count: usual.count)
    tails = try reader.weights(count: tails.count)
    sums = try reader.weights(count: sums.count)
    keys = try reader.integers(count: keys.count)
    fresh = try reader.integers(count: fresh.count)
    held = try reader.integers(count: held.count)
    freshBins = try Self.bins(layout, from: &reader)
    heldBins = try Self.bins(layout, from: &reader)
    windowStart = CaptureTime(nanoseconds: try reader.integer())
    guard let phase = Phase(rawValue: try reader.integer()) else {
      throw reader.fault("no such phase")
    }
    self.phase = phase
    phaseBegun = CaptureTime(nanoseconds: try reader.integer())
    learned = try reader.integer()
    day = try reader.integer()
    frozenUntil = CaptureTime(nanoseconds: try reader.integer())
  }

  private static func bins(
    _ layout: ProfileLayout, from reader: inout StateReader
  ) throws(StateFault) -> [UInt8] {
    let width = layout.statisticCount + 1
    let bins = try reader.bytes(atMost: width * windowEpochs)
    guard bins.count % width == 0,
      bins.enumerated().allSatisfy({
        Int($1) < TailHistogram.binCount || ($0 % width == width - 1 && $1 == noBin)
      })
    else { throw reader.fault("no bins of this layout") }
    return bins
  }
}
