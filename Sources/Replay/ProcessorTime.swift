#if canImport(Glibc)
  import Glibc
#endif

/// User and system time in seconds.
public enum ProcessorTime {
  /// Of this process so far.
  public static var own: Double { seconds(0) }
  /// Of the children that have ended and were waited for.
  public static var children: Double { seconds(-1) }

  /// `who` is RUSAGE_SELF or RUSAGE_CHILDREN, which Glibc's importer gives another type. The two
  /// leading `timeval`s are read as numbers: which C module owns their members depends on the build.
  private static func seconds(_ who: Int32) -> Double {
    withUnsafeTemporaryAllocation(
      byteCount: MemoryLayout<rusage>.size, alignment: MemoryLayout<rusage>.alignment
    ) { bytes in
      bytes.initializeMemory(as: UInt8.self, repeating: 0)
      guard let start = bytes.baseAddress,
        getrusage(who, start.assumingMemoryBound(to: rusage.self)) == 0
      else { return 0 }
      let numbers = start.assumingMemoryBound(to: Int.self)
      return Double(numbers[0] + numbers[2]) + Double(numbers[1] + numbers[3]) / 1e6
    }
  }
}
