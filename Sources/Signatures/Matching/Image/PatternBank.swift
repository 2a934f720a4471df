/// Contents that all traffic has, such as `|00 01|`, are looked for only where a rule that asks for
/// them can apply: in a *bank* by the ports of a packet, or by what is spoken in it, beside the
/// contents of the scan point that are looked for in any case. Suricata groups all rules so; here
/// long contents stay together, for many of them are hardly dearer than a few.
struct PatternBanks {
  /// Scan points that have banks: those of TCP and UDP payload, which come first.
  static let pointCount = 6

  /// Ports that the same sets hold are of one class; 0 is that of all others.
  private let classes: [UInt16]
  private let classCount: Int
  private let applicationCount: Int
  private let places: Section<Int32>

  init(_ image: RuleImage) {
    var classes = [UInt16](repeating: 0, count: 65_536)
    for place in 0..<image.portClasses.count {
      let range = image.portClasses[place]
      for port in Int(range.first)...max(Int(range.last), Int(range.first)) {
        classes[port] = range.class
      }
    }
    self.classes = classes
    classCount = image.figure(.portClasses)
    applicationCount = ApplicationProtocol.allCases.count + 1
    places = image.banks
  }

  /// Where the bank of a port class stands in `places`.
  static func index(portClass: Int, isSource: Bool, point: Int) -> Int {
    (portClass * 2 + (isSource ? 0 : 1)) * pointCount + point
  }

  /// The same for a protocol's, behind those of all classes.
  static func index(application: UInt8, point: Int, classCount: Int) -> Int {
    (classCount * 2 + Int(application)) * pointCount + point
  }

  static func count(classCount: Int) -> Int {
    (classCount * 2 + ApplicationProtocol.allCases.count + 1) * pointCount
  }

  /// Where the contents for packets to or from a port stand; nil where there are none.
  @inline(__always) func bank(_ port: UInt16, isSource: Bool, _ point: ScanPoint) -> ScanPoint? {
    let portClass = Int(classes[Int(port)])
    guard portClass > 0 else { return nil }
    return bank(at: Self.index(portClass: portClass, isSource: isSource, point: point.place))
  }

  @inline(__always) func bank(application: UInt8, _ point: ScanPoint) -> ScanPoint? {
    guard application > 0, Int(application) < applicationCount else { return nil }
    return bank(
      at: Self.index(application: application, point: point.place, classCount: classCount))
  }

  @inline(__always) private func bank(at index: Int) -> ScanPoint? {
    guard index < places.count else { return nil }
    let place = places[index]
    return place < 0 ? nil : ScanPoint(place: Int(place))
  }
}

/// Ports of one class.
struct PortClassRange: BitwiseCopyable {
  var first: UInt16
  var last: UInt16
  var `class`: UInt16
}
