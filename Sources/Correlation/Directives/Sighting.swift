import Analysis
import Hierarchy
import Reports
import Terms

/// A report as several directives hold it, with what they ask of it again and again at hand.
struct Sighting: Sendable {
  private final class Storage: Sendable {
    let report: Report
    let isOwn: Bool
    let sides: Sides
    let id: ReportID
    let revision: UInt32
    let first: CaptureTime
    let last: CaptureTime
    let sources: [IPPrefix]
    let targets: [IPPrefix]
    let crowd: Crowd
    let worth: Int
    let directive: String?
    let stages: String?

    init(
      _ report: Report, isOwn: Bool, sides: Sides, worth: Int,
      names: (directive: Bool, stages: Bool)
    ) {
      self.report = report
      self.isOwn = isOwn
      self.sides = sides
      self.worth = worth
      id = report.id
      revision = report.revision
      first = report.first
      last = report.last
      sources = report.sources.listed
      targets = report.targets.listed
      crowd = Crowd(report)
      directive = names.directive ? Self.text(Directive.attribute, report) : nil
      stages = names.stages ? Self.text("stages", report) : nil
    }

    private static func text(_ attribute: String, _ report: Report) -> String? {
      guard case .text(let text)? = report.attributes[attribute] else { return nil }
      return text
    }
  }

  private let storage: Storage

  var report: Report { storage.report }
  /// This monitor's own conclusion, which is in no archive; what it rests on is.
  var isOwn: Bool { storage.isOwn }
  /// Where its sources and targets lie.
  var sides: Sides { storage.sides }
  var id: ReportID { storage.id }
  var revision: UInt32 { storage.revision }
  var first: CaptureTime { storage.first }
  var last: CaptureTime { storage.last }
  /// Its addresses as far as they are named, sorted.
  var sources: [IPPrefix] { storage.sources }
  var targets: [IPPrefix] { storage.targets }
  var crowd: Crowd { storage.crowd }
  /// The directive that concluded it, of whichever monitor.
  var directive: String? { storage.directive }
  /// The stages that a conclusion names.
  var stages: String? { storage.stages }
  /// What the most valuable of its parties is worth.
  var worth: Int { storage.worth }

  init(_ report: Report, _ kind: KindPlan, isOwn: Bool, _ places: PlaceKnowledge) {
    storage = Storage(
      report, isOwn: isOwn, sides: places.sides(of: report), worth: places.worth(of: report),
      names: kind.names)
  }

  /// The addresses named in a role.
  func addresses(_ field: ReportField) -> [IPPrefix] {
    field == .source ? storage.sources : storage.targets
  }
}

/// Where the addresses of a report lie: within the site or outside it.
struct Sides: OptionSet, Sendable {
  var rawValue: UInt8

  static let fromInside = Sides(rawValue: 1)
  static let fromOutside = Sides(rawValue: 1 << 1)
  static let toInside = Sides(rawValue: 1 << 2)
  static let toOutside = Sides(rawValue: 1 << 3)
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
    try list.encode(sides.rawValue)
    try list.encode(worth)
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
      try list.decode(Report.self), isOwn: try list.decode(Bool.self),
      sides: Sides(rawValue: try list.decode(UInt8.self)), worth: try list.decode(Int.self),
      names: (true, true))
    shared?.objects.append(storage)
  }
}
