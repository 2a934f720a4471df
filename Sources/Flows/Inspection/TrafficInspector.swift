import Packets
import Terms

/// Whoever reads all payload, beside the session parsers and longer than they want it: signatures.
///
/// Attach one with `FlowEngine.attach`; without one nothing is paid. Calls come in event-time order
/// and depend on the packets alone. Flows are named by their place in the flow table, which
/// `closed` sets free.
open class TrafficInspector {
  /// Where calls stand among those of several engines that share a capture: event time in
  /// nanoseconds, and the place at that instant. Set for each packet: nobody holds on to them.
  @exclusivity(unchecked) public internal(set) final var moment: Int64 = 0
  @exclusivity(unchecked) public internal(set) final var order: UInt64 = 0

  public init() {}

  @inline(__always) final func enter(_ place: EventOrder, at now: Int64) {
    moment = now
    order = place.bits
  }

  /// Asks for the memory that packets to come will need, so that nobody waits for it then. Changes
  /// nothing.
  ///
  /// - Parameters: places of flows whose packets will come ever sooner, -1 for none: what leads to
  ///   all that is kept of the first, that itself of the second, what it leads to of the third.
  open func foresee(_ first: Int, _ second: Int, _ third: Int) {}

  /// A packet of a flow. Its bytes, if they continue a TCP stream, come with `stream` afterwards.
  open func inspect(_ packet: borrowing InspectedPacket) {}

  /// The next bytes of one direction of a TCP conversation, whole and in order.
  ///
  /// - Parameters:
  ///   - kind: what the conversation speaks, as far as it is known.
  ///   - index: of the packet that brought them, and its time.
  /// - Returns: whether more is wanted.
  open func stream(
    _ bytes: UnsafeRawBufferPointer, place: Int, isFromClient: Bool, kind: SessionProtocol,
    index: UInt64, time: CaptureTime
  ) -> Bool { false }

  /// The capture lost `count` bytes of one direction.
  open func lost(_ count: UInt64, place: Int, isFromClient: Bool) {}

  /// The flow is over, or its place goes to another one.
  open func closed(place: Int, time: CaptureTime) {}
}

/// A packet as an inspector sees it; valid during the call only.
public struct InspectedPacket {
  public let packet: UnsafePointer<Packet>
  /// From the network header to the payload; empty for datagrams put together from fragments.
  public let headers: UnsafeRawBufferPointer
  /// Behind the transport header.
  public let payload: UnsafeRawBufferPointer
  /// Of the flow.
  public let place: Int
  /// Sent by the flow's originator.
  public let isFromClient: Bool
  /// The handshake is complete, this packet included; for other transports, both sides have spoken.
  public let isEstablished: Bool
  public let client: IPAddress
  public let server: IPAddress
  public let clientPort: UInt16
  public let serverPort: UInt16
}
