import Reports
import Terms

/// First contacts of the last hours between any hosts, each source, target and port once however
/// many taps saw it. Hosts have numbers, so that to look through all contacts is to look through
/// numbers.
struct ScanWindow: Sendable, Codable {
  struct Contact: Sendable, Codable {
    var source: Int32
    var target: Int32
    var port: PortKey
    var hasFailed: Bool
    /// The source tried again later, and failed again.
    var isRepeated = false
    var first: CaptureTime
    /// The newest sighting; the contact leaves the window by it.
    var last: CaptureTime

    fileprivate var key: Key { Key(source: source, target: target, port: port) }
  }

  /// The report that told of a contact first, and a packet of it in that monitor's capture.
  private struct Origin: Sendable, Codable {
    var report: ReportID
    var monitor: MonitorName
    var capture: String
    var packets: [UInt64]
    var segments: [String]
  }

  fileprivate struct Key: Hashable, Sendable, Codable {
    var source: Int32
    var target: Int32
    var port: PortKey

    func _rawHashValue(seed: Int) -> Int {
      TableHash.of(
        UInt64(UInt32(bitPattern: source)) << 32 | UInt64(UInt32(bitPattern: target)),
        UInt64(port.bits), seed: seed)
    }
  }

  private struct Service: Hashable, Sendable, Codable {
    var target: Int32
    var port: PortKey

    func _rawHashValue(seed: Int) -> Int {
      TableHash.of(UInt64(UInt32(bitPattern: target)), UInt64(port.bits), seed: seed)
    }
  }

  /// Most that two taps disagree on when a contact was made.
  private static let tapSpan = TimeSpan.seconds(1)

  let span: TimeSpan
  let capacity: Int
  /// In order of arrival; one that was forgotten has no source.
  private(set) var contacts: [Contact] = []
  private var origins: [Origin] = []
  private var slotOf: [Key: Int32] = [:]
  private(set) var hosts = HostNumbers()
  /// Failed contacts of each host as a source, by number, and of each service.
  private(set) var failures: [Int32] = []
  private var failuresOfService: [Service: Int32] = [:]
  /// Contacts turned away because the window was full.
  private(set) var refused: UInt64 = 0

  init(span: TimeSpan, capacity: Int) {
    self.span = span
    self.capacity = min(capacity, 1 << 24)
  }

  var count: Int { slotOf.count }

  /// Takes a row of an evidence report: contacts of sources and services that have not too many yet.
  /// Returns how many failed ones are new.
  mutating func insert(
    _ row: ContactRow, of report: Report, perSource: Int, perService: Int,
    where isWanted: (IPPrefix) -> Bool
  ) -> Int {
    let port = PortKey(transport: row.transport, port: row.port)
    guard !port.isAnswer else { return 0 }
    var fresh = 0
    let known = hosts.number(row.source).map { Int(failures[Int($0)]) } ?? 0
    row.eachTarget { target, hasFailed in
      guard isWanted(target) else { return }
      let numbers = (hosts.number(row.source), hosts.number(target))
      let ofService = numbers.1.flatMap { failuresOfService[Service(target: $0, port: port)] } ?? 0
      guard known < perSource, ofService < perService else { return }
      if insert(row, target, port, numbers, report, hasFailed: hasFailed) { fresh += 1 }
    }
    return fresh
  }

  /// true when it is a failed contact that is new.
  private mutating func insert(
    _ row: ContactRow, _ target: IPPrefix, _ port: PortKey, _ numbers: (Int32?, Int32?),
    _ report: Report, hasFailed: Bool
  ) -> Bool {
    if let source = numbers.0, let host = numbers.1,
      let slot = slotOf[Key(source: source, target: host, port: port)].map({ Int($0) })
    {
      // Other taps tell of the same instant.
      if hasFailed, contacts[slot].hasFailed, row.first > contacts[slot].last + Self.tapSpan {
        contacts[slot].isRepeated = true
      }
      contacts[slot].last = max(contacts[slot].last, row.last)
      contacts[slot].first = min(contacts[slot].first, row.first)
      guard hasFailed, !contacts[slot].hasFailed else { return false }
      contacts[slot].hasFailed = true
      count(contacts[slot], 1)
      return true
    }
    guard slotOf.count < capacity else {
      refused &+= 1
      return false
    }
    let contact = Contact(
      source: hosts.hold(row.source), target: hosts.hold(target), port: port,
      hasFailed: hasFailed, first: row.first, last: row.last)
    while failures.count < hosts.numbers { failures.append(0) }
    slotOf[contact.key] = Int32(contacts.count)
    contacts.append(contact)
    origins.append(
      Origin(
        report: report.id, monitor: report.monitor, capture: report.evidence.first?.capture ?? "",
        packets: row.packets.count > 2 ? Array(row.packets.prefix(2)) : row.packets,
        segments: report.coverage.segments))
    if hasFailed { count(contact, 1) }
    return hasFailed
  }

  private mutating func count(_ contact: Contact, _ change: Int32) {
    failures[Int(contact.source)] += change
    let service = Service(target: contact.target, port: contact.port)
    let known = (failuresOfService[service] ?? 0) + change
    failuresOfService[service] = known > 0 ? known : nil
  }

  /// Forgets what is older than the window; shows the failed contacts among it, in order of arrival,
  /// each with how many failed ones its source had.
  mutating func expire(asOf now: CaptureTime, _ body: (Contact, _ ofSource: Int) -> Void) {
    let oldest = now - span
    let old = contacts.indices.filter { contacts[$0].source >= 0 && contacts[$0].last < oldest }
    for slot in old where contacts[slot].hasFailed {
      body(contacts[slot], Int(failures[Int(contacts[slot].source)]))
    }
    for slot in old {
      let contact = contacts[slot]
      if contact.hasFailed { count(contact, -1) }
      slotOf[contact.key] = nil
      hosts.release(contact.source)
      hosts.release(contact.target)
      contacts[slot].source = -1
    }
    if contacts.count > 2 * slotOf.count + 16 {
      let kept = contacts.indices.filter { contacts[$0].source >= 0 }
      contacts = kept.map { contacts[$0] }
      origins = kept.map { origins[$0] }
      for slot in contacts.indices { slotOf[contacts[slot].key] = Int32(slot) }
    }
  }

  /// Adds what is known of a contact's origin.
  func add(_ slot: Int, to grounds: inout Grounds) {
    let origin = origins[slot]
    grounds.add(
      id: origin.report, monitor: origin.monitor, capture: origin.capture,
      packets: origin.packets, segments: origin.segments)
  }
}

/// Numbers for hosts as long as somebody holds them.
struct HostNumbers: Sendable, Codable {
  private var numberOf: [IPPrefix: Int32] = [:]
  private var names: [IPPrefix] = []
  private var holders: [Int32] = []
  private var vacant: [Int32] = []

  /// As many numbers as were ever in use at once.
  var numbers: Int { names.count }

  func number(_ host: IPPrefix) -> Int32? { numberOf[host] }
  func name(_ number: Int32) -> IPPrefix { names[Int(number)] }

  mutating func hold(_ host: IPPrefix) -> Int32 {
    if let known = numberOf[host] {
      holders[Int(known)] += 1
      return known
    }
    let number = vacant.popLast() ?? Int32(names.count)
    if Int(number) == names.count {
      names.append(host)
      holders.append(1)
    } else {
      names[Int(number)] = host
      holders[Int(number)] = 1
    }
    numberOf[host] = number
    return number
  }

  mutating func release(_ number: Int32) {
    holders[Int(number)] -= 1
    guard holders[Int(number)] == 0 else { return }
    numberOf[names[Int(number)]] = nil
    vacant.append(number)
  }
}

extension ContactRow {
  /// Shows each target in order, and whether a contact with it failed. Both lists are in order.
  func eachTarget(_ body: (IPPrefix, _ hasFailed: Bool) -> Void) {
    let (all, failed) = (targets.listed, failedTargets.listed)
    var (mine, theirs) = (0, 0)
    while mine < all.count || theirs < failed.count {
      if theirs == failed.count || mine < all.count && all[mine] < failed[theirs] {
        body(all[mine], false)
        mine += 1
      } else {
        if mine < all.count, all[mine] == failed[theirs] { mine += 1 }
        body(failed[theirs], true)
        theirs += 1
      }
    }
  }
}
