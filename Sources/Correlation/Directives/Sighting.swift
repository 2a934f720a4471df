import Analysis
import Reports

/// A report as several directives hold it.
struct Sighting: Sendable {
  private final class Storage: Sendable {
    let report: Report
    let isOwn: Bool

    init(_ report: Report, isOwn: Bool) {
      self.report = report
      self.isOwn = isOwn
    }
  }

  private let storage: Storage

  var report: Report { storage.report }
  /// This monitor's own conclusion, which is in no archive; what it rests on is.
  var isOwn: Bool { storage.isOwn }

  init(_ report: Report, isOwn: Bool) { storage = Storage(report, isOwn: isOwn) }
}

/// A state holds each report once, however many hold it.
extension Sighting: Codable {
  func encode(to encoder: any Encoder) throws {
    var list = encoder.unkeyedContainer()
    let shared = encoder.userInfo[.sharedObjects] as? SharedObjects
    if let number = shared?.numbers[ObjectIdentifier(storage)] {
      try list.encode(number)
      return
    }
    let number = UInt32(shared?.numbers.count ?? 0)
    shared?.numbers[ObjectIdentifier(storage)] = number
    try list.encode(number)
    try list.encode(report)
    try list.encode(isOwn)
  }

  init(from decoder: any Decoder) throws {
    var list = try decoder.unkeyedContainer()
    let shared = decoder.userInfo[.sharedObjects] as? SharedObjects
    let number = try list.decode(UInt32.self)
    if list.isAtEnd {
      guard let known = shared?.objects, known.indices.contains(Int(number)),
        let storage = known[Int(number)] as? Storage
      else {
        throw DecodingError.dataCorruptedError(in: list, debugDescription: "no report \(number)")
      }
      self.storage = storage
      return
    }
    storage = Storage(
      try list.decode(Report.self), isOwn: try list.decode(Bool.self))
    shared?.objects.append(storage)
  }
}
