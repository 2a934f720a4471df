/// What traffic a bank of contents is for.
struct BankKey: Hashable {
  enum Traffic: Hashable {
    /// Packets from, or to, a set of ports.
    case from(Int32)
    case to(Int32)
    /// What speaks a protocol.
    case application(UInt8)
  }

  var point: Int
  var traffic: Traffic
}

/// Contents that all traffic has, by the traffic that their rules are for.
extension RuleCompiler {
  /// A set of more ports than this does not tell much.
  private static let specificLimit = 4096

  /// The banks under which a rule is found; none where it is for all traffic.
  func bankTraffic(_ record: RuleRecord) -> [BankKey.Traffic] {
    if record.application != 0 { return [.application(record.application)] }
    let sources = portCount(record.sourcePorts)
    let destinations = portCount(record.destinationPorts)
    guard min(sources, destinations) <= Self.specificLimit else { return [] }
    let isBidirectional = record.traits.contains(.isBidirectional)
    if destinations <= sources {
      let set = record.destinationPorts
      return isBidirectional ? [.to(set), .from(set)] : [.to(set)]
    }
    let set = record.sourcePorts
    return isBidirectional ? [.from(set), .to(set)] : [.from(set)]
  }

  private func portCount(_ set: Int32) -> Int {
    guard set >= 0 else { return 65_536 }
    return draft.portSets[Int(set)].range.reduce(0) {
      $0 + Int(draft.ports[$1].last) - Int(draft.ports[$1].first) + 1
    }
  }

  mutating func finishBanks() throws(SignatureFault) {
    let classes = classifyPorts()
    draft.figures[RuleImage.Figure.portClasses.rawValue] = Int64(classes.count)
    var places = [Int32](repeating: -1, count: PatternBanks.count(classCount: classes.count))
    var known: [[[BankKey]]: [Int32]] = [:]
    for points in Self.families {
      for (number, sets) in classes.enumerated() {
        for isSource in [true, false] {
          let keys = points.map { point in
            sets.map { BankKey(point: point, traffic: isSource ? .from($0) : .to($0)) }
          }
          for (point, place) in zip(points, try banks(keys, &known)) {
            places[PatternBanks.index(portClass: number, isSource: isSource, point: point)] = place
          }
        }
      }
      for application in ApplicationProtocol.allCases {
        let code = application.code
        let keys = points.map { [BankKey(point: $0, traffic: .application(code))] }
        for (point, place) in zip(points, try banks(keys, &known)) {
          places[
            PatternBanks.index(application: code, point: point, classCount: classes.count)] = place
        }
      }
    }
    draft.banks = places
  }

  /// Points whose banks share databases, and those that stand alone.
  private static let families =
    ScanPoint.payloadFamilies
    + (0..<PatternBanks.pointCount).filter { point in
      !ScanPoint.payloadFamilies.contains { $0.contains(point) }
    }.map { [$0] }

  /// One bank for each list of keys, of all contents under them; -1 where there are none at all.
  private mutating func banks(
    _ keys: [[BankKey]], _ known: inout [[[BankKey]]: [Int32]]
  ) throws(SignatureFault) -> [Int32] {
    let keys = keys.map { $0.filter { banks[$0] != nil } }
    if keys.allSatisfy(\.isEmpty) { return keys.map { _ in -1 } }
    if let places = known[keys] { return places }
    let drafts = keys.map { keys in
      keys.reduce(into: PointDraft()) { $0.merge(banks[$1] ?? PointDraft()) }
    }
    let start = draft.scans.count
    draft.scans += try records(of: drafts)
    let places = (start..<draft.scans.count).map { Int32($0) }
    known[keys] = places
    return places
  }

  /// Which port sets hold a port, as classes; the first is that of ports in none.
  private mutating func classifyPorts() -> [[Int32]] {
    var edges: [(port: Int, set: Int32, isStart: Bool)] = []
    for set in portSetsOfBanks() {
      for place in draft.portSets[Int(set)].range {
        edges.append((Int(draft.ports[place].first), set, true))
        edges.append((Int(draft.ports[place].last) + 1, set, false))
      }
    }
    edges.sort { $0.port < $1.port }
    var classes: [[Int32]] = [[]]
    var numbers: [[Int32]: Int] = [[]: 0]
    var active: Set<Int32> = []
    var place = 0
    while place < edges.count {
      let port = edges[place].port
      while place < edges.count, edges[place].port == port {
        if edges[place].isStart {
          active.insert(edges[place].set)
        } else {
          active.remove(edges[place].set)
        }
        place += 1
      }
      guard !active.isEmpty, place < edges.count else { continue }
      let sets = active.sorted()
      let number = numbers[sets] ?? classes.count
      if number == classes.count {
        numbers[sets] = number
        classes.append(sets)
      }
      draft.portClasses.append(
        PortClassRange(
          first: UInt16(port), last: UInt16(edges[place].port - 1), class: UInt16(number)))
    }
    return classes
  }

  private func portSetsOfBanks() -> Set<Int32> {
    var sets: Set<Int32> = []
    for key in banks.keys {
      switch key.traffic {
      case .from(let set), .to(let set): sets.insert(set)
      case .application: break
      }
    }
    return sets
  }
}
