import Reports
import Terms

/// First contacts of the last hours, each source, target and port once however many taps saw it.
struct ContactWindow: Sendable, Codable {
  struct Key: Hashable, Comparable, Sendable, Codable {
    var source: IPPrefix
    var target: IPPrefix
    var port: PortKey

    static func < (left: Key, right: Key) -> Bool {
      (left.source, left.target, left.port) < (right.source, right.target, right.port)
    }
  }

  struct Contact: Sendable, Codable {
    var key: Key
    var first: CaptureTime
    /// The newest sighting; the contact leaves the window by it.
    var last: CaptureTime
    var hasFailed: Bool
    /// The report that told of it first, and a packet of it in that monitor's capture.
    var report: ReportID
    var monitor: MonitorName
    var capture: String
    var packets: [UInt64]
    var segments: [String]
  }

  let span: TimeSpan
  let capacity: Int
  /// In order of arrival; nil where one was forgotten.
  private var slots: [Contact?] = []
  private var slotOf: [Key: Int32] = [:]
  /// Contacts turned away because the window was full.
  private(set) var refused: UInt64 = 0

  init(span: TimeSpan, capacity: Int) {
    self.span = span
    self.capacity = min(capacity, 1 << 24)
  }

  var count: Int { slotOf.count }

  /// The contacts, in order of arrival.
  var contacts: some Sequence<Contact> { slots.lazy.compactMap { $0 } }

  /// Takes a row of an evidence report; returns the failed contacts that are new.
  mutating func insert(
    _ row: ContactRow, of report: Report, where isWanted: (Key) -> Bool
  ) -> [Key] {
    let port = PortKey(transport: row.transport, port: row.port)
    guard !port.isAnswer else { return [] }
    var fresh: [Key] = []
    row.eachTarget { target, hasFailed in
      let key = Key(source: row.source, target: target, port: port)
      guard isWanted(key) else { return }
      if insert(key, row, report, hasFailed: hasFailed) { fresh.append(key) }
    }
    return fresh
  }

  private mutating func insert(
    _ key: Key, _ row: ContactRow, _ report: Report, hasFailed: Bool
  ) -> Bool {
    if let slot = slotOf[key].map({ Int($0) }), let known = slots[slot] {
      slots[slot]?.last = max(known.last, row.last)
      slots[slot]?.first = min(known.first, row.first)
      guard hasFailed, !known.hasFailed else { return false }
      slots[slot]?.hasFailed = true
      return true
    }
    guard slotOf.count < capacity else {
      refused &+= 1
      return false
    }
    slotOf[key] = Int32(slots.count)
    slots.append(
      Contact(
        key: key, first: row.first, last: row.last, hasFailed: hasFailed, report: report.id,
        monitor: report.monitor, capture: report.evidence.first?.capture ?? "",
        packets: Array(row.packets.prefix(2)), segments: report.coverage.segments))
    return hasFailed
  }

  /// Forgets what is older than the window; returns the failed contacts among it, in order of
  /// arrival.
  mutating func expire(asOf now: CaptureTime) -> [Contact] {
    let oldest = now - span
    var failed: [Contact] = []
    for slot in slots.indices {
      guard let contact = slots[slot], contact.last < oldest else { continue }
      slotOf[contact.key] = nil
      slots[slot] = nil
      if contact.hasFailed { failed.append(contact) }
    }
    if slots.count > 2 * slotOf.count + 16 {
      slots = slots.filter { $0 != nil }
      for slot in slots.indices { if let key = slots[slot]?.key { slotOf[key] = Int32(slot) } }
    }
    return failed
  }
}

extension Grounds {
  mutating func add(_ contact: ContactWindow.Contact) {
    add(
      id: contact.report, monitor: contact.monitor, capture: contact.capture,
      packets: contact.packets, segments: contact.segments)
  }
}
