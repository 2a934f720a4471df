import Foundation
import Reports

/// What a batch says of each of its reports beside the encoded form, so that look-ups need not
/// decode: 29 bytes.
struct BatchKey: Hashable, Sendable {
  static let size = 29

  var id: ReportID
  var revision: UInt32
  var reportClass: ReportClass
  /// 0 for a report that waits for no parent; sequences start at 1.
  var sequence: UInt64

  init(_ report: Report, sequence: UInt64?) {
    id = report.id
    revision = report.revision
    reportClass = report.reportClass
    self.sequence = sequence ?? 0
  }

  /// Reads the key at `index`, which must lie within `bytes`; an unknown class reads as evidence.
  private init(_ bytes: UnsafeRawBufferPointer, at index: Int) {
    func number<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) -> T {
      T(bigEndian: bytes.loadUnaligned(fromByteOffset: index * Self.size + offset, as: type))
    }
    id = ReportID(high: number(0, UInt64.self), low: number(8, UInt64.self))
    revision = number(16, UInt32.self)
    switch bytes[index * Self.size + 20] {
    case 0: reportClass = .detection
    case 2: reportClass = .incident
    default: reportClass = .evidence
    }
    sequence = number(21, UInt64.self)
  }

  private func append(to bytes: inout [UInt8]) {
    withUnsafeBytes(of: id.high.bigEndian) { bytes.append(contentsOf: $0) }
    withUnsafeBytes(of: id.low.bigEndian) { bytes.append(contentsOf: $0) }
    withUnsafeBytes(of: revision.bigEndian) { bytes.append(contentsOf: $0) }
    switch reportClass {
    case .detection: bytes.append(0)
    case .evidence: bytes.append(1)
    case .incident: bytes.append(2)
    }
    withUnsafeBytes(of: sequence.bigEndian) { bytes.append(contentsOf: $0) }
  }

  static func pack(_ keys: [BatchKey]) -> Data {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(keys.count * size)
    for key in keys { key.append(to: &bytes) }
    return Data(bytes)
  }

  /// nil when `data` is no whole number of keys.
  static func unpack(_ data: Data?) -> [BatchKey]? {
    guard let data, data.count % size == 0 else { return nil }
    return data.withUnsafeBytes { bytes in
      (0..<data.count / size).map { BatchKey(bytes, at: $0) }
    }
  }
}
