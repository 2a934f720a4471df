import Terms

/// Events of several engines in one order: by time, and among equals by what is due, then by
/// packet.
extension FlowEngine {
  /// Takes over all events of the engines, instead of those of the round before: the events of one
  /// engine are in order already, and no two engines have events of the same place.
  public static func merge(
    _ engines: UnsafeMutableBufferPointer<FlowEngine>, into merged: inout MergedEvents
  ) {
    merged.take(engines)
  }

  /// When the last first contact must have been answered; nil where none waits.
  public var lastDeadline: CaptureTime? {
    timeouts.answers.last.map { CaptureTime(nanoseconds: $0) }
  }

  /// The packet that the flow opened with which closes as the `batch`th from now, or as the last;
  /// nil when all are closed. The first call ends the capture.
  public mutating func closingMark(batch: Int) -> UInt64? {
    beginFinish()
    guard let remaining, !remaining.isEmpty else { return nil }
    return remaining[max(remaining.count - batch, 0)].firstPacket
  }

  /// Closes the flows that opened with packets up to this one.
  public mutating func close(through packet: UInt64) {
    beginFinish()
    _ = closeRemaining(atMost: .max, through: packet)
  }
}
