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

  private(set) var ingresses: [String: Share] = [:]
  private(set) var contacts = 0.0
  private(set) var packets = 0.0
  private(set) var unfinished = 0.0
  private(set) var refused = 0.0
  private(set) var sources = AddressSet()
  /// Contacts of the busiest sources: the widest view of each port, all ports together.
  private(set) var busiest: [IPAddress: UInt64] = [:]
  /// Contacts by target port.
  private(set) var ports: [UInt16: Double] = [:]
  /// The widest view of each port: two taps on one path must not count twice.
  private var widest: [UInt16: RateRow] = [:]
  private var seen: [String: [UInt16: Share]] = [:]
  private var counts: [UInt16: [SourceCount]] = [:]

  /// Takes a row. A tap in the target's own segment sees everything that arrives, from all sides; a
  /// tap at the perimeter what comes from outside; any other tap what its own hosts send.
  mutating func add(_ row: RateRow, _ context: CorrelationContext) {
    sources.formUnion(row.sources)
    if !row.busiest.isEmpty {
      counts[row.port] = SourceCount.joined(counts[row.port] ?? [], row.busiest)
    }
    if widest[row.port].map({ $0.contacts < row.contacts }) ?? true { widest[row.port] = row }
    for (segment, part) in Self.origins(row, context) {
      let share = Share(
        contacts: Double(row.contacts) * part, packets: Double(row.packets) * part,
        sources: Double(row.sources.count) * part,
        isTold: segment == row.segment || segment == context.perimeter)
      let isOwnView = segment == row.segment
      let known = seen[segment]?[row.port]
      // What a segment says of its own hosts beats what another reckons of them.
      if isOwnView || known == nil || (known?.contacts ?? 0) < share.contacts {
        seen[segment, default: [:]][row.port] = share
      }
    }
  }

  /// The segments that a row's packets came from, with their parts of it.
  private static func origins(
    _ row: RateRow, _ context: CorrelationContext
  ) -> [(String, Double)] {
    let perimeter = context.perimeter
    if row.segment == perimeter { return [(perimeter, 1)] }
    var counts: [String: Int] = [:]
    for source in row.sources.listed { counts[context.segment(of: source.base), default: 0] += 1 }
    if row.segment != context.segment(of: row.target) {
      // Elsewhere only the segment's own hosts are an ingress; the rest passes through.
      guard let own = counts[row.segment] else { return [] }
      return [(row.segment, Double(own) / Double(max(1, row.sources.listed.count)))]
    }
    // When the list is full the unlisted sources are taken to be like the strangers among the
    // listed.
    let unlisted = max(0, row.sources.count - row.sources.listed.count)
    if unlisted > 0 { counts[perimeter, default: 0] += unlisted }
    let total = counts.values.reduce(0, +)
    guard total > 0 else { return [] }
    return counts.sorted { $0.key < $1.key }.map { ($0.key, Double($0.value) / Double(total)) }
  }

  /// Adds up what was taken; to be called once all rows are in.
  mutating func settle() {
    ingresses = [:]
    ports = [:]
    var perPort: [UInt16: Share] = [:]
    for (segment, shares) in seen.sorted(by: { $0.key < $1.key }) {
      for (port, share) in shares.sorted(by: { $0.key < $1.key }) {
        ingresses[segment, default: Share()].add(share)
        perPort[port, default: Share()].add(share)
      }
    }
    busiest = [:]
    for entry in counts.values.joined() {
      let sum = (busiest[entry.source] ?? 0).addingReportingOverflow(entry.contacts)
      busiest[entry.source] = sum.overflow ? .max : sum.partialValue
    }
    contacts = 0
    packets = 0
    unfinished = 0
    refused = 0
    for (port, row) in widest.sorted(by: { $0.key < $1.key }) {
      let joined = max(Double(row.contacts), perPort[port]?.contacts ?? 0)
      ports[port] = joined
      contacts += joined
      packets += max(Double(row.packets), perPort[port]?.packets ?? 0)
      unfinished += min(joined, Double(row.unfinished))
      refused += min(joined, Double(row.refused))
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
