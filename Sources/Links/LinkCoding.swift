import Monitoring
import Reports
import SwiftProtobuf
import Terms

/// Messages as bytes: `Envelope` of `beryl.proto`.
///
/// Batches, replies with reports and acknowledgements are coded by hand, the seldom rest by
/// generated code; see `ReportCoding`.
public enum LinkCoding {
  /// Field numbers of `Envelope` that are coded by hand.
  private enum Field {
    static let batch = 4
    static let acknowledgement = 5
    static let reportsReply = 11
    static let drillData = 13
  }

  /// The message with its length field.
  public static func frame(_ message: LinkMessage) -> [UInt8] {
    withFrame(message) { Array($0) }
  }

  /// Hands the message with its length field to `body`, to be copied where it belongs.
  static func withFrame<Value>(
    _ message: LinkMessage, _ body: (UnsafeRawBufferPointer) -> Value
  ) -> Value {
    var writer = WireWriter(capacity: message.sizeEstimate)
    writer.raw(UInt32(0))
    write(message, to: &writer)
    writer.overwrite(UInt32(writer.count - 4).bigEndian)
    return writer.withBytes(body)
  }

  /// The message of a frame without its length field.
  public static func decode(_ bytes: UnsafeRawBufferPointer) throws(WireFault) -> LinkMessage {
    var reader = WireReader(bytes)
    guard try reader.next() else { throw WireFault(field: "envelope", reason: "empty") }
    switch reader.field {
    case Field.batch:
      var inner = try only(&reader)
      return .batch(try located("batch") { () throws(WireFault) in try readBatch(&inner) })
    case Field.reportsReply:
      var inner = try only(&reader)
      return .reportsReply(
        try located("reports_reply") { () throws(WireFault) in try readReply(&inner) })
    case Field.acknowledgement:
      var inner = try only(&reader)
      return try located("acknowledgement") { () throws(WireFault) in
        try readAcknowledgement(&inner)
      }
    case let field:
      let limit =
        LinkLimit.smallFrameBytes
        + (field == Field.drillData ? LinkLimit.drillBytes + LinkLimit.textBytes : 0)
      guard bytes.count <= limit else {
        throw WireFault(
          field: "envelope",
          reason: "\(bytes.count) bytes, the limit for field \(field) is \(limit)")
      }
      return try decodeGenerated(bytes)
    }
  }

  // MARK: Writing

  private static func write(_ message: LinkMessage, to writer: inout WireWriter) {
    switch message {
    case .batch(let batch):
      let mark = writer.begin(Field.batch)
      writer.text(1, batch.lane.text, limit: LinkLimit.textBytes)
      writer.uint(2, batch.through)
      writer.sfixed64(3, batch.watermark.nanoseconds)
      write(batch.entries, field: 4, to: &writer)
      writer.end(mark)
    case .reportsReply(let reply):
      let mark = writer.begin(Field.reportsReply)
      writer.text(1, reply.lane.text, limit: LinkLimit.textBytes)
      if let next = reply.next {
        writer.tag(2, .varint)
        writer.varint(next)
      }
      write(reply.entries, field: 3, to: &writer)
      writer.end(mark)
    case .acknowledgement(let lane, let through):
      let mark = writer.begin(Field.acknowledgement)
      writer.text(1, lane.text, limit: LinkLimit.textBytes)
      writer.uint(2, through)
      writer.end(mark)
    default:
      // Serialising fails only for proto2's required fields and for messages beyond 2 GiB.
      let bytes: [UInt8] = (try? Beryl_V1_Envelope(message).serializedBytes()) ?? []
      bytes.withUnsafeBytes { writer.raw($0) }
    }
  }

  private static func write(
    _ entries: [SequencedReport], field: Int, to writer: inout WireWriter
  ) {
    for entry in entries {
      let mark = writer.begin(field)
      writer.uint(1, entry.sequence)
      let inner = writer.begin(2)
      ReportCoding.write(entry.report, to: &writer)
      writer.end(inner)
      writer.end(mark)
    }
  }

  // MARK: Reading

  /// The envelope's only field.
  private static func only(_ reader: inout WireReader) throws(WireFault) -> WireReader {
    let inner = try reader.message()
    guard reader.isAtEnd else {
      throw WireFault(field: "envelope", reason: "\(reader.remaining) bytes after the message")
    }
    return inner
  }

  private static func located<Value>(
    _ field: String, _ body: () throws(WireFault) -> Value
  ) throws(WireFault) -> Value {
    do throws(WireFault) {
      return try body()
    } catch {
      throw error.inside(field)
    }
  }

  private static func readBatch(_ reader: inout WireReader) throws(WireFault) -> Batch {
    var batch = Batch(
      lane: .live, entries: [], through: 0, watermark: CaptureTime(nanoseconds: 0))
    batch.entries.reserveCapacity(min(reader.remaining / 128, LinkLimit.batchReports))
    while try reader.next() {
      switch reader.field {
      case 1: batch.lane = LaneName(try reader.text("lane", limit: LinkLimit.textBytes))
      case 2: batch.through = try reader.uint()
      case 3: batch.watermark.nanoseconds = try reader.sfixed64()
      case 4: try readEntry(&reader, into: &batch.entries, limit: LinkLimit.batchReports)
      default: try reader.skip()
      }
    }
    return batch
  }

  private static func readReply(_ reader: inout WireReader) throws(WireFault) -> ReportsReply {
    var reply = ReportsReply(lane: .live, entries: [], next: nil)
    while try reader.next() {
      switch reader.field {
      case 1: reply.lane = LaneName(try reader.text("lane", limit: LinkLimit.textBytes))
      case 2: reply.next = try reader.uint()
      case 3: try readEntry(&reader, into: &reply.entries, limit: LinkLimit.replyReports)
      default: try reader.skip()
      }
    }
    return reply
  }

  private static func readEntry(
    _ reader: inout WireReader, into entries: inout [SequencedReport], limit: Int
  ) throws(WireFault) {
    guard entries.count < limit else {
      throw WireFault(field: "entries", reason: "more than \(limit)")
    }
    do throws(WireFault) {
      var inner = try reader.message()
      var sequence: UInt64 = 0
      var report: Report?
      while try inner.next() {
        switch inner.field {
        case 1: sequence = try inner.uint()
        case 2:
          var message = try inner.message()
          report = try ReportCoding.read(&message)
        default: try inner.skip()
        }
      }
      guard let report else { throw WireFault(field: "report", reason: "missing") }
      entries.append(SequencedReport(sequence: sequence, report: report))
    } catch {
      throw error.inside("entries[\(entries.count)]")
    }
  }

  private static func readAcknowledgement(
    _ reader: inout WireReader
  ) throws(WireFault) -> LinkMessage {
    var lane = LaneName.live
    var through: UInt64 = 0
    while try reader.next() {
      switch reader.field {
      case 1: lane = LaneName(try reader.text("lane", limit: LinkLimit.textBytes))
      case 2: through = try reader.uint()
      default: try reader.skip()
      }
    }
    return .acknowledgement(lane, through: through)
  }

  private static func decodeGenerated(
    _ bytes: UnsafeRawBufferPointer
  ) throws(WireFault) -> LinkMessage {
    let envelope: Beryl_V1_Envelope
    do {
      envelope = try Beryl_V1_Envelope(serializedBytes: Array(bytes))
    } catch {
      throw WireFault(field: "envelope", reason: "not protobuf (\(error))")
    }
    guard let message = envelope.message else {
      throw WireFault(field: "envelope", reason: "no message that this version knows")
    }
    return try LinkMessage(message)
  }
}

extension LinkMessage {
  /// Room for the encoded message, in bytes.
  fileprivate var sizeEstimate: Int {
    switch self {
    case .batch(let batch): 64 + 400 * batch.entries.count
    case .reportsReply(let reply): 64 + 400 * reply.entries.count
    default: 64
    }
  }
}
