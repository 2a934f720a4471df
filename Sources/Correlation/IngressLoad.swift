import Analysis
import Reports
import Terms

/// What one epoch brought to one target over one transport, by the segment it came in through.
struct IngressLoad: Sendable, Codable {
  struct Share: Sendable, Codable {
    var contacts = 0.0
    var packets = 0.0
    /// Distinct sources, as far as the rows tell.
    var sources = 0.0
    /// Whether a tap at the ingress told it; else it is reckoned from the target's own segment.
    var isTold = false
  }

  /// A port of a segment.
  private struct Entrance: Comparable, Sendable, Codable {
    var segment: String
    var port: UInt16

    static func < (left: Entrance, right: Entrance) -> Bool {
      left.segment == right.segment ? left.port < right.port : left.segment < right.segment
    }
  }

  /// What a row says of its port.
  private struct View: Sendable, Codable {
    var contacts: UInt64
    var packets: UInt64
    var unfinished: UInt64
    var refused: UInt64
  }

  private(set) var ingresses = ShortTable<String, Share>()
  private(set) var contacts = 0.0
  private(set) var packets = 0.0
  private(set) var unfinished = 0.0
  private(set) var refused = 0.0
  private(set) var sources = AddressSet()
  /// Contacts of the busiest sources: the widest view of each port, all ports together.
  private(set) var busiest: [IPAddress: UInt64] = [:]
  /// Contacts by target port.
  private(set) var ports = ShortTable<UInt16, Double>()
  /// The widest view of each port: two taps on one path must not count twice.
  private var widest = ShortTable<UInt16, View>()
  private var seen = ShortTable<Entrance, Share>()
  private var counts = ShortTable<UInt16, [SourceCount]>()

  /// Takes a row. A tap in the target's own segment sees everything that arrives, from all sides; a
  /// tap at the perimeter what comes from outside; any other tap what its own hosts send.
  mutating func add(_ row: RateRow, _ context: CorrelationContext) {
    sources.formUnion(row.sources)
    if !row.busiest.isEmpty {
      counts.set(SourceCount.joined(counts[row.port] ?? [], row.busiest), for: row.port)
    }
    if widest[row.port].map({ $0.contacts < row.contacts }) ?? true {
      widest.set(
        View(
          contacts: row.contacts, packets: row.packets, unfinished: row.unfinished,
          refused: row.refused), for: row.port)
    }
    for origin in Self.origins(row, context) {
      let (segment, part) = (origin.key, origin.value)
      let isOwnView = segment == row.segment
      let share = Share(
        contacts: Double(row.contacts) * part, packets: Double(row.packets) * part,
        sources: Double(row.sources.count) * part,
        isTold: isOwnView || segment == context.perimeter)
      let entrance = Entrance(segment: segment, port: row.port)
      // What a segment says of its own hosts beats what another reckons of them.
      if isOwnView || seen[entrance].map({ $0.contacts < share.contacts }) ?? true {
        seen.set(share, for: entrance)
      }
    }
  }

  /// The segments that a row's packets came from, with their parts of it.
  private static func origins(
    _ row: RateRow, _ context: CorrelationContext
  ) -> ShortTable<String, Double> {
    var parts = ShortTable<String, Double>()
    let perimeter = context.perimeter
    if row.segment == perimeter {
      parts.set(1, for: perimeter)
      return parts
    }
    // Whole numbers, as long as they are counted.
    for source in row.sources.listed { parts[context.segment(of: source.base), default: 0] += 1 }
    if row.segment != context.segment(of: row.target) {
      // Elsewhere only the segment's own hosts are an ingress; the rest passes through.
      let own = parts[row.segment]
      parts.removeAll()
      if let own { parts.set(own / Double(max(1, row.sources.listed.count)), for: row.segment) }
      return parts
    }
    // When the list is full the unlisted sources are taken to be like the strangers among the
    // listed.
    let unlisted = max(0, row.sources.count - row.sources.listed.count)
    if unlisted > 0 { parts[perimeter, default: 0] += Double(unlisted) }
    let total = parts.reduce(0) { $0 + $1.value }
    for origin in parts { parts.set(origin.value / total, for: origin.key) }
    return parts
  }

  /// Adds up what was taken; to be called once all rows are in.
  mutating func settle() {
    ingresses.removeAll()
    ports.removeAll()
    var perPort = ShortTable<UInt16, Share>()
    for entry in seen {
      ingresses[entry.key.segment, default: Share()].add(entry.value)
      perPort[entry.key.port, default: Share()].add(entry.value)
    }
    busiest = [:]
    for entry in counts.lazy.flatMap(\.value) {
      let sum = (busiest[entry.source] ?? 0).addingReportingOverflow(entry.contacts)
      busiest[entry.source] = sum.overflow ? .max : sum.partialValue
    }
    contacts = 0
    packets = 0
    unfinished = 0
    refused = 0
    for entry in widest {
      let (port, view) = (entry.key, entry.value)
      let share = perPort[port]
      let joined = max(Double(view.contacts), share?.contacts ?? 0)
      ports.set(joined, for: port)
      contacts += joined
      packets += max(Double(view.packets), share?.packets ?? 0)
      unfinished += min(joined, Double(view.unfinished))
      refused += min(joined, Double(view.refused))
    }
  }
}

extension IngressLoad.Share {
  mutating func add(_ other: Self) {
    contacts += other.contacts
    packets += other.packets
    sources += other.sources
    isTold = isTold || other.isTold
  }
}
