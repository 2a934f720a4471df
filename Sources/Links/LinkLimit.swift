/// The bounds of a link; both sides keep to them, and a peer that does not is refused.
public enum LinkLimit {
  /// The version of the protocol that this build speaks.
  public static let protocolVersion: UInt32 = 1
  /// The longest frame, in bytes, without its length field.
  public static let frameBytes = 4 << 20
  /// The longest frame that is neither a batch, a reply nor drill data, in bytes.
  public static let smallFrameBytes = 256 << 10
  /// Reports per batch.
  public static let batchReports = 256
  /// Estimated bytes after which a batch is closed, so that it stays well below `frameBytes`.
  public static let batchBytes = 1 << 20
  /// A report longer than this (encoded bytes) does not travel; it is counted instead.
  public static let reportBytes = 3 << 20
  /// Batches that may wait for their acknowledgement on one connection.
  public static let window = 8
  /// Unacknowledged reports per lane held in memory; what does not fit is loaded from the store.
  public static let queueReports = 4096
  /// Reports per `load` from the store.
  public static let loadReports = 1024
  /// Lanes per link: the live one and drills.
  public static let lanes = 64
  /// Loss counters per heartbeat or status.
  public static let counters = 256
  /// Kinds per hello.
  public static let kinds = 1024
  /// Children per status.
  public static let children = 1024
  /// The longest text field (names, reasons), in UTF-8 bytes.
  public static let textBytes = 1024
  /// Bytes of a capture per drill data message.
  public static let drillBytes = 256 << 10
  /// Reports per reply to a `reportsRequest`; fewer when they come to more than `reportBytes`.
  public static let replyReports = 1024
  /// Reports asked for by one `lookupRequest`.
  public static let lookupReports = 1024
  /// Messages of one connection that may wait to be handled before no more is read from it; a peer
  /// that keeps to its window never has as many.
  public static let unhandledMessages = 24
  /// Bytes that may wait to be written on one connection; a peer that reads slower is cut off.
  public static let outboundBytes = 64 << 20
}
