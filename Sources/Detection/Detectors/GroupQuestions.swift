import Analysis
import Flows
import Terms

/// Ports from which hosts have lately asked a group: what comes to them from anybody is an answer,
/// and no first contact.
///
/// So answer LLMNR (RFC 4795), multicast DNS to plain resolvers (RFC 6762, 6.7), SSDP, WS-Discovery
/// and NetBIOS name service: one host many others, each at a fresh port, and none of them replies.
struct GroupQuestions: Sendable {
  /// How long answers may take; SSDP's and WS-Discovery's spread over some seconds.
  private static let patience = TimeSpan.seconds(60)
  private static let capacity = 4096

  private var askers = ContactMemory(capacity: Self.capacity, span: Self.patience)

  /// Notes a datagram that opens a flow to a group.
  @inline(__always)
  mutating func note(_ event: UnsafePointer<FlowEvent>) {
    guard event.pointee.targetMAC.isGroup || event.pointee.target.isMulticast,
      event.pointee.transport == .udp, !event.pointee.source.isUnspecified
    else { return }
    let asker = Self.end(event.pointee.source, event.pointee.sourcePort)
    _ = askers.insert(asker, at: event.pointee.time)
  }

  /// Whether a flow went to a port from which a group was asked shortly before.
  @inline(__always)
  func areAnswered(by event: UnsafePointer<FlowEvent>) -> Bool {
    event.pointee.transport == .udp
      && askers.contains(
        Self.end(event.pointee.target, event.pointee.targetPort), asOf: event.pointee.time)
  }

  private static func end(_ host: IPAddress, _ port: UInt16) -> UInt64 {
    ContactMemory.hash(host, host, port: port, transport: .udp)
  }
}
