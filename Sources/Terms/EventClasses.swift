/// A set of event classes: what an event is, or what an engine wants to see.
///
/// Each kind of events names its own bits (`FlowEvent`, `SessionEvent`). An event mostly has one
/// class; an engine gets those that share a class with its interest.
@frozen public struct EventClasses: OptionSet, Hashable, Sendable {
  public var rawValue: UInt64

  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  public static let all = EventClasses(rawValue: .max)
}
