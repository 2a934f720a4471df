import Packets
import Terms

/// One captured frame, lent to the caller for the length of a call.
@frozen public struct Frame {
  /// When the capture says it was seen.
  public let time: CaptureTime
  /// The captured bytes; valid only during the call that lends the frame.
  public let bytes: UnsafeRawBufferPointer
  /// Bytes on the wire, never fewer than captured.
  public let wireLength: UInt32
  public let linkType: LinkType

  @inlinable public init(
    time: CaptureTime, bytes: UnsafeRawBufferPointer, wireLength: UInt32, linkType: LinkType
  ) {
    self.time = time
    self.bytes = bytes
    self.wireLength = wireLength
    self.linkType = linkType
  }
}
