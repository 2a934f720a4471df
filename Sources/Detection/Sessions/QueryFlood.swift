import Analysis
import Flows
import Reports
import Terms

/// Finds name servers that are asked for ever new names of one zone, faster than anybody looks
/// anything up: random names pass every cache and reach whoever answers for the zone ("water
/// torture"; Luo et al., "A large scale analysis of DNS water torture attack", CSAI 2018).
///
/// Busy resolvers are asked for new names of many zones, mail servers look up lists of senders under
/// one, at their pace; enumerators of subdomains are one source, and stop. What counts is questions
/// per second for names that were not asked before, under the zone that most of them share: fewer
/// where most do not exist and several sources ask, more where one does or the names resolve.
struct QueryFlood: FloodDetector {
  static let rate = EngineLimit(
    "query-flood.rate", 50, .rate,
    "New names of one zone asked per second of one name server that make a flood where several "
      + "sources ask and most do not exist.")
  static let plainRate = EngineLimit(
    "query-flood.plain-rate", 150, .rate, "The same where one source asks, or the names exist.")
  static let factor = EngineLimit(
    "query-flood.factor", 4, .count, "Times its learnt rate that a server's new names must exceed.")
  static let names = EngineLimit(
    "query-flood.names", 65_536, .count, "Names remembered as asked.")
  static let targets = EngineLimit(
    "query-flood.servers", 512, .count, "Name servers measured at once.")
  static let quiet = EngineLimit(
    "query-flood.quiet", 10, .duration, "Silence after which a flood is over.")
  static let spacing = EngineLimit(
    "query-flood.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [rate, plainRate, factor, names, targets, quiet, spacing]

  /// The zone that a server is asked for most (Boyer and Moore's majority vote), and who asks.
  private struct Vote: Sendable {
    var zone: UInt64 = 0
    var lead: UInt32 = 0
    /// Second of the newest question, and the sources of that second and the one before, by hash.
    var second: Int64 = .min
    var sources: UInt64 = 0
    var earlier: UInt64 = 0

    mutating func note(_ zone: UInt64, _ source: UInt64, second: Int64) -> Bool {
      if second != self.second {
        earlier = second == self.second &+ 1 ? sources : 0
        sources = 0
        self.second = second
        lead /= 2
      }
      sources |= 1 << (source & 63)
      if zone == self.zone {
        lead = min(lead &+ 1, 1024)
      } else if lead > 0 {
        lead -= 1
      } else {
        self.zone = zone
        lead = 1
      }
      return zone == self.zone && lead >= Self.leastLead
    }

    /// Where many zones are asked for, none leads.
    private static let leastLead: UInt32 = 8

    /// About how many sources asked of late, up to 64.
    var sourceCount: Int { (sources | earlier).nonzeroBitCount }
  }

  /// Sources at once from which they are several.
  static let sourceLimit = 4
  /// Labels longer than this carry data (a tunnel's), in bytes.
  static let labelLimit = 24
  /// Least share of the answers that deny the name, for the lower rate.
  static let denialShare = 0.6
  /// How long a name is remembered as asked.
  static let nameSpan = TimeSpan.minutes(10)

  var judge: FloodJudge
  private let plainLimit: Double
  private let nameServers: [IPAddress]
  private var asked: ContactMemory
  private var votes: BoundedTable<Vote>
  private var passed = PassedQuestions()

  init(_ context: DetectionContext) {
    let limits = context.limits
    plainLimit = max(limits[Self.plainRate], limits[Self.rate])
    nameServers = context.nameServers
    asked = ContactMemory(capacity: limits.count(Self.names), span: Self.nameSpan)
    votes = BoundedTable(capacity: limits.count(Self.targets), empty: Vote())
    judge = FloodJudge(
      kind: .udpFlood, severity: 6, transport: .udp, unit: "names/s", limits: limits,
      rate: Self.rate, factor: Self.factor, targets: Self.targets, quiet: Self.quiet,
      spacing: Self.spacing)
  }

  var interest: EventClasses { .session(.dns) }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    guard case .dns(let message) = event.what, message.opcode == 0, message.questionCount == 1,
      let zone = Self.zone(of: message.name)
    else { return }
    let turn = DNSTurn(event, message)
    guard turn.isUnicast else { return }
    let place = votes.find(TableKey(turn.answerer))
    if message.isResponse {
      guard place >= 0, votes[place].zone == zone else { return }
      answer(message, turn, at: event.time)
      return
    }
    // A resolver passes on what it is asked.
    guard !nameServers.contains(turn.asker), !passed.isPassedOn(message, turn, at: event.time),
      asked.insert(DNSTurn.question(message.name, type: 0), at: event.time)
    else { return }
    let slot =
      place >= 0
      ? place : votes.admit(TableKey(turn.answerer), asOf: event.time, until: event.time)
    guard slot >= 0 else { return }
    let isOfZone = votes[slot].note(
      zone, TableKey(turn.asker).hash, second: event.time.wholeSeconds)
    votes.keep(slot, until: event.time + .seconds(2))
    guard isOfZone else { return }
    var load = FloodMeter.Load()
    load.requests = 1
    load.flows = 1
    load.bytes = UInt64(message.size)
    let entry = judge.meter.add(load, to: key(turn), at: event.time)
    if entry.isDue { weigh(entry.slot, votes[slot], at: event.time, into: &sink) }
    judge.meter.detail(load, turn.asker, event.packet, in: entry, time: event.time)
  }

  private func key(_ turn: DNSTurn) -> TableKey {
    TableKey(turn.answerer, detail: UInt64(DNSTurn.port))
  }

  private mutating func answer(_ message: DNSMessage, _ turn: DNSTurn, at time: CaptureTime) {
    guard judge.meter.slot(of: key(turn)) >= 0 else { return }
    var load = FloodMeter.Load()
    load.answers = 1
    if message.responseCode != 0 || message.answerCount == 0 { load.refusals = 1 }
    _ = judge.meter.add(load, to: key(turn), at: time)
  }

  /// One number for the zone that a name's first label stands in; nil for names that are no sign:
  /// addresses asked backwards, top-level domains, labels that carry data.
  private static func zone(of name: String) -> UInt64? {
    let text = name.utf8
    guard let dot = text.firstIndex(of: UInt8(ascii: ".")),
      text.distance(from: text.startIndex, to: dot) <= labelLimit
    else { return nil }
    let rest = text[text.index(after: dot)...]
    guard rest.contains(UInt8(ascii: ".")),
      !text.suffix(5).lazy.map({ $0 | 0x20 }).elementsEqual(".arpa".utf8)
    else { return nil }
    return DNSTurn.hash(rest)
  }

  private mutating func weigh(
    _ slot: Int, _ vote: Vote, at now: CaptureTime, into sink: inout ReportSink
  ) {
    let rates = judge.meter.rates(slot, at: now)
    let denied = rates.refusals / max(rates.answers, 0.001)
    let isTorture =
      vote.sourceCount >= Self.sourceLimit
      && (denied >= Self.denialShare || rates.answers < 0.3 * rates.requests)
    var label = FloodMeter.Label()
    label.technique = "dns-queries"
    judge.judge(
      slot, rate: rates.requests, least: isTorture ? nil : plainLimit,
      answeredShare: min(1, rates.answers / max(rates.requests, 0.001)), isOneSided: true,
      label: label, at: now, into: &sink)
    judge.report(slot, at: now, into: &sink)
  }
}

extension QueryFlood {
  var losses: UInt64 { judge.losses &+ votes.refusedCount }
}
