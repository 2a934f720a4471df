import Reports
import Terms

/// What reports are to engines, by what they hold.
extension EventClasses {
  /// Evidence by its rows.
  public static let contactRows = EventClasses(rawValue: 1)
  public static let rateRows = EventClasses(rawValue: 1 << 1)
  public static let loginRows = EventClasses(rawValue: 1 << 2)
  public static let leaseRows = EventClasses(rawValue: 1 << 3)
  /// Detections and incidents above informational severity.
  public static let attacks = EventClasses(rawValue: 1 << 4)
  /// The others: what a monitor notes of its children, and what is only told.
  public static let notes = EventClasses(rawValue: 1 << 5)
}

extension Report: TimedEvent {
  public var eventTime: CaptureTime { emitted }

  public var classes: EventClasses {
    let rows: EventClasses =
      switch summary {
      case nil: []
      case .contacts: .contactRows
      case .rates: .rateRows
      case .logins: .loginRows
      case .leases: .leaseRows
      }
    guard reportClass != .evidence else { return rows.isEmpty ? .notes : rows }
    return rows.union(severity > Report.informationalSeverity ? .attacks : .notes)
  }
}
