import Reports
import Terms

/// First contacts of the last hours, each source, target and port once however many taps saw it.
struct ContactWindow: Sendable, Codable {
  struct Key: Hashable, Comparable, Sendable, Codable {
    var source: IPPrefix
    var target: IPPrefix
    var port: PortKey

    func _rawHashValue(seed: Int) -> Int {
      target._rawHashValue(seed: source._rawHashValue(seed: seed ^ port.bits))
    }

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

    /// Takes another sighting; true when it has failed for the first time.
    fileprivate mutating func see(_ row: ContactRow, hasFailed: Bool) -> Bool {
      last = max(last, row.last)
      first = min(first, row.first)
      guard hasFailed, !self.hasFailed else { return false }
      self.hasFailed = true
      return true
    }
  }

  let span: TimeSpan
  let capacity: Int
  /// In order of arrival; nil where one was forgotten.
  private var slots: [Contact?] = []
  /// Empty as long as there are few, who are looked through: most sources have one contact.
  private var slotOf: [Key: Int32] = [:]
  private(set) var count = 0
  private static let few = 8
  /// Contacts turned away because the window was full.
  private(set) var refused: UInt64 = 0

  init(span: TimeSpan, capacity: Int) {
    self.span = span
    self.capacity = min(capacity, 1 << 24)
  }

  /// The contacts, in order of arrival.
  var contacts: some Sequence<Contact> { slots.lazy.compactMap { $0 } }

  /// Takes a row of an evidence report, of its contacts with hosts of ours; tells whether a failed one
  /// is new.
  mutating func insert(
    _ row: ContactRow, of report: Report, _ context: CorrelationContext
  ) -> Bool {
    let port = PortKey(transport: row.transport, port: row.port)
    guard !port.isAnswer else { return false }
    var isNew = false
    row.eachTarget { target, hasFailed in
      guard context.isHome(target), !target.base.isMulticast, !target.base.isLimitedBroadcast
      else { return }
      let key = Key(source: row.source, target: target, port: port)
      if insert(key, row, report, hasFailed: hasFailed) { isNew = true }
    }
    return isNew
  }

  private func slot(of key: Key) -> Int? {
    guard slotOf.isEmpty else { return slotOf[key].map { Int($0) } }
    return slots.firstIndex { $0?.key == key }
  }

  /// Looks up slots in a table from now on, or again.
  private mutating func fillTable() {
    slotOf.removeAll(keepingCapacity: true)
    for slot in slots.indices { if let key = slots[slot]?.key { slotOf[key] = Int32(slot) } }
  }

  private mutating func insert(
    _ key: Key, _ row: ContactRow, _ report: Report, hasFailed: Bool
  ) -> Bool {
    if let slot = slot(of: key) { return slots[slot]?.see(row, hasFailed: hasFailed) ?? false }
    guard count < capacity else {
      refused &+= 1
      return false
    }
    count += 1
    if !slotOf.isEmpty { slotOf[key] = Int32(slots.count) }
    slots.append(
      Contact(
        key: key, first: row.first, last: row.last, hasFailed: hasFailed, report: report.id,
        monitor: report.monitor, capture: report.evidence.first?.capture ?? "",
        packets: row.packets.count > 2 ? Array(row.packets.prefix(2)) : row.packets,
        segments: report.coverage.segments))
    if slotOf.isEmpty, slots.count > Self.few { fillTable() }
    return hasFailed
  }

  /// Forgets what is older than the window; returns the failed contacts among it, in order of
  /// arrival.
  mutating func expire(asOf now: CaptureTime) -> [Contact] {
    let oldest = now - span
    var failed: [Contact] = []
    for slot in slots.indices {
      guard let contact = slots[slot], contact.last < oldest else { continue }
      if !slotOf.isEmpty { slotOf[contact.key] = nil }
      slots[slot] = nil
      count -= 1
      if contact.hasFailed { failed.append(contact) }
    }
    if slots.count > 2 * count + 16 {
      slots = slots.filter { $0 != nil }
      slotOf = [:]
    }
    if slotOf.isEmpty, slots.count > Self.few { fillTable() }
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
