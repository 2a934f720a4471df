import Terms

/// Ports of one transport that a scan looked at and found closed.
public struct PortLook: Sendable, Hashable {
  /// Sorted, apart from each other.
  public private(set) var closed: [ClosedRange<UInt16>]
  /// Ports within these ranges of which the scan could not tell.
  public internal(set) var unsure: Set<UInt16>

  public init(closed: [ClosedRange<UInt16>] = [], unsure: Set<UInt16> = []) {
    self.closed = Self.merged(closed)
    self.unsure = unsure
  }

  public func isClosed(_ port: UInt16) -> Bool {
    var low = 0
    var high = closed.count
    while low < high {
      let middle = (low + high) / 2
      if closed[middle].upperBound < port { low = middle + 1 } else { high = middle }
    }
    return low < closed.count && closed[low].contains(port) && !unsure.contains(port)
  }

  private static func merged(_ ranges: [ClosedRange<UInt16>]) -> [ClosedRange<UInt16>] {
    var merged: [ClosedRange<UInt16>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      guard let last = merged.last, Int(range.lowerBound) <= Int(last.upperBound) + 1 else {
        merged.append(range)
        continue
      }
      merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
    }
    return merged
  }

  /// Parses `1,3-4,80`; nil for anything else. An empty text is no port.
  static func ranges(_ text: some StringProtocol) -> [ClosedRange<UInt16>]? {
    var ranges: [ClosedRange<UInt16>] = []
    for part in text.split(separator: ",") {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
      let ports = ends.compactMap { end in
        end.utf8.allSatisfy(\.isDigit) ? UInt16(end) : nil
      }
      guard ports.count == ends.count, let first = ports.first, let last = ports.last,
        ports.count <= 2, first <= last
      else { return nil }
      ranges.append(first...last)
    }
    return ranges
  }
}
