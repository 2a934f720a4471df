import Analysis
import Flows
import Terms

/// Remembers hosts that mail was brought to. They bring mail to others in turn, and of those that they
/// look for outside some are always gone: what strangers' lists and forged senders name (RFC 5321, 4.5.4).
struct MailRelays: Sendable {
  private static let port: UInt16 = 25
  /// Relays remembered, and for how long.
  private static let capacity = 1024
  private static let span = TimeSpan.hours(24)

  private var known = ContactMemory(capacity: MailRelays.capacity, span: MailRelays.span)

  /// Takes a session that was established.
  @inline(__always) mutating func note(_ event: UnsafePointer<FlowEvent>) {
    guard event.pointee.targetPort == Self.port, event.pointee.transport == .tcp else { return }
    _ = known.insert(Self.name(event.pointee.target), at: event.pointee.time)
  }

  /// Whether a relay of the site looks for another mail server outside.
  @inline(__always)
  func delivers(_ event: UnsafePointer<FlowEvent>, _ context: DetectionContext) -> Bool {
    event.pointee.targetPort == Self.port && event.pointee.transport == .tcp
      && event.pointee.probe == .syn
      && known.contains(Self.name(event.pointee.source), asOf: event.pointee.time)
      && context.isHome(event.pointee.source) && !context.isHome(event.pointee.target)
  }

  private static func name(_ host: IPAddress) -> UInt64 {
    ContactMemory.hash(host, host, port: port, transport: .tcp)
  }
}
