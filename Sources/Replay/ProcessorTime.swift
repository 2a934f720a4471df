#if canImport(Glibc)
  import Glibc
#endif

/// User and system time in seconds.
public enum ProcessorTime {
  /// Of this process so far.
  public static var own: Double { seconds(0) }
  /// Of the children that have ended and were waited for.
  public static var children: Double { seconds(-1) }

  /// 0 and -1 are RUSAGE_SELF and RUSAGE_CHILDREN, which Glibc's importer gives another type.
  private static func seconds(_ who: Int32) -> Double {
    var usage = rusage()
    getrusage(who, &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }
}
