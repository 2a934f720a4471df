import Terms

/// Reports as bytes: `beryl.proto` on the wire, in files and in rows.
public enum ReportCoding {
  /// A message `Report`.
  public static func encode(_ report: Report) -> [UInt8] { [] }

  /// The inverse of `encode`; any bytes give a report or a located fault.
  public static func decode(_ bytes: [UInt8]) throws(WireFault) -> Report {
    throw WireFault(field: "", reason: "")
  }

  /// An upper estimate of the encoded length, in bytes; cheap.
  public static func sizeEstimate(_ report: Report) -> Int { 0 }
}
