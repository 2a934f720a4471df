import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds shells on connections of no known protocol: one side sends commands, the other answers as
/// a shell does. The attacker is the side with the commands, whoever opened the connection: a
/// reverse shell when that is the side that was called, a bind shell when it called.
///
/// Where the talk is encrypted, its silences tell (Zhang and Paxson, "Detecting Backdoors", USENIX
/// Security 2000): an inside host called an outside one whose name it did not give, and that one
/// breaks the silences, with little, to which the caller answers at once with more.
struct ReverseShell: AnalysisEngine {
  static let score = EngineLimit(
    "reverse-shell.score", 1, .count,
    "Weight of prompts, output and commands from which a conversation is a shell.")
  static let output = EngineLimit(
    "reverse-shell.output", 0.5, .count, "Least part of it that prompts and output must have.")
  static let sessions = EngineLimit(
    "reverse-shell.sessions", 2048, .count, "Conversations of unknown protocol watched at once.")
  static let cases = EngineLimit(
    "reverse-shell.cases", 512, .count, "Pairs of attacker and victim known at once.")
  static let quiet = EngineLimit(
    "reverse-shell.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let memory = EngineLimit(
    "reverse-shell.memory", 14_400, .duration, "Silence after which a report is no longer revised.")
  static let limits = [score, output, sessions, cases, quiet, memory]

  static let kind = ReportKind("access.reverse-shell")
  static let severity = 9.0
  static let veiledSeverity = 7.0
  /// Services whose users have a shell there by right: telnet, rlogin, rsh.
  static let shellPorts: Set<UInt16> = [23, 512, 513, 514]

  /// What each side of a conversation said, so far.
  struct Talk: Sendable {
    /// By side, 0 the client's: as a shell, and as its user.
    var output = SIMD2<Double>()
    var input = SIMD2<Double>()
    var prompts: UInt64 = 0
    /// Different commands of the side that was called, the turn of the newest, and how many turns
    /// of the caller answered one.
    var words = FewDigests()
    var commanded = -2
    var answers = 0
    var packets = PacketSample()
    var isTold = false
    /// Whether the other side has spoken too, or is awaited behind a prompt, or a line begins with what
    /// a shell says: who ships logs of attacks quotes shells within his lines.
    var isConversation = false

    /// A shell without a prompt says nothing of itself: it does as it is told.
    var isObeyed: Bool { words.count >= obeyed && answers >= obeyed }
  }

  /// Different commands, and answers to them, that make a caller a shell whatever it says.
  static let obeyed = 3

  struct Facts: Sendable {
    var output = 0.0
    var input = 0.0
    var prompts: UInt64 = 0
    var bytes: UInt64 = 0
    var isReverse = true
    var isVeiled = false
  }

  private let scoreLimit: Double
  private let outputLimit: Double
  private let home: AddressRanges
  private var talks: BoundedTable<Talk>
  private var known: AttackCases<Facts>

  init(_ context: DetectionContext) {
    let limits = context.limits
    scoreLimit = limits[Self.score]
    outputLimit = limits[Self.output]
    let inside = context.home + context.prefixes
    home = inside.isEmpty ? AddressRanges.privateUse : AddressRanges(inside)
    talks = BoundedTable(capacity: limits.count(Self.sessions), empty: Talk())
    known = AttackCases(
      capacity: limits.count(Self.cases), quiet: limits.span(Self.quiet),
      memory: limits.span(Self.memory), empty: Facts())
  }

  var nextDeadline: CaptureTime { known.nextDeadline }

  var interest: EventClasses { .session(.payload, .turns, .closed) }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    switch event.what {
    case .payload(let sample):
      if event.transport == .tcp, !Self.shellPorts.contains(event.serverPort) {
        read(sample, event, into: &sink)
      }
    case .turns(let talk): read(talk, event, into: &sink)
    case .closed(let closing): close(closing, event, into: &sink)
    default: break
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    let (scoreLimit, outputLimit) = (scoreLimit, outputLimit)
    known.advance(to: now, into: &sink, digest: Self.digest) {
      Self.report($0, scoreLimit, outputLimit, at: now, from: $1)
    }
  }
}

extension ReverseShell {
  private static func key(_ event: SessionEvent) -> TableKey {
    TableKey(
      event.client,
      detail: TableKey(
        event.server, detail: UInt64(event.clientPort) << 16 | UInt64(event.serverPort)
      ).hash)
  }

  private mutating func read(
    _ sample: PayloadSample, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    let (output, input) = ShellTalk.weights(sample.bytes)
    let isStage = sample.turn == 0 && sample.offset == 0 && ShellTalk.isStage(sample.bytes)
    let isConversation =
      sample.turn > 0 || isStage || ShellTalk.leavesLineOpen(sample.bytes)
      || output > 0 && ShellTalk.beginsLine(sample.bytes)
    guard output > 0 || input > 0 || isStage else {
      answer(sample, event, into: &sink)
      return
    }
    let slot = talks.admit(Self.key(event), asOf: event.time, until: event.time + .seconds(30))
    guard slot >= 0 else { return }
    let side = sample.isFromClient ? 0 : 1
    if isConversation { talks[slot].isConversation = true }
    // A turn is one or the other: an echoed command is the shell's.
    if isStage {
      talks[slot].input[side] += scoreLimit
      talks[slot].output[1 - side] += 2 * outputLimit
    } else if output >= input || output >= 0.5 {
      talks[slot].output[side] += output
      if output >= 0.5 { talks[slot].prompts &+= 1 }
    } else {
      talks[slot].input[side] += input
      if side == 1 {
        _ = talks[slot].words.insert(ShellTalk.word(sample.bytes))
        talks[slot].commanded = sample.turn
      }
    }
    if sample.isFromClient, sample.turn == talks[slot].commanded + 1 { talks[slot].answers += 1 }
    talks[slot].packets.add(event.packet)
    talks.keep(slot, until: event.time + .minutes(output + input >= 0.5 ? 10 : 1))
    judge(slot, event, into: &sink)
  }

  /// A turn that sounds like nothing in particular: a command may be answered so.
  private mutating func answer(
    _ sample: PayloadSample, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    guard sample.isFromClient || sample.turn > 0 else { return }
    let slot = talks.find(Self.key(event))
    guard slot >= 0 else { return }
    let isNews = sample.turn > 0 && !talks[slot].isConversation
    if isNews { talks[slot].isConversation = true }
    let isAnswer =
      sample.isFromClient && sample.turn == talks[slot].commanded + 1
      && ShellTalk.isText(sample.bytes.prefix(ShellTalk.readLimit))
    if isAnswer { talks[slot].answers += 1 }
    if isAnswer || isNews { judge(slot, event, into: &sink) }
  }

  private mutating func judge(
    _ slot: Int, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    let talk = talks[slot]
    guard talk.isConversation else { return }
    let isReverse = talk.output[0] + talk.input[1] >= talk.output[1] + talk.input[0]
    let output = isReverse ? talk.output[0] : talk.output[1]
    let input = isReverse ? talk.input[1] : talk.input[0]
    let isShell = output >= outputLimit || isReverse && talk.isObeyed
    guard isShell, output + input >= scoreLimit else { return }
    // Menus and consoles of devices also answer to whom they are called by.
    if !isReverse, output < 2 * outputLimit || input < outputLimit { return }
    let (source, target) = isReverse ? (event.server, event.client) : (event.client, event.server)
    let place = known.admit(
      source, target, isReverse ? 1 : 0, port: event.serverPort, at: event.time)
    guard place >= 0 else { return }
    if !talk.isTold {
      talks[slot].isTold = true
      for packet in talk.packets.indices { known[place].packets.add(packet) }
    }
    known[place].facts.output = max(known[place].facts.output, output)
    known[place].facts.input = max(known[place].facts.input, input)
    known[place].facts.prompts = max(known[place].facts.prompts, talk.prompts)
    known[place].facts.isReverse = isReverse
    known.note(place, event, since: event.opened, hold: .hours(1))
    tell(place, at: event.time, into: &sink)
  }

  private mutating func read(
    _ talk: TurnTalk, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    guard home.contains(event.client), !home.contains(event.server) else { return }
    let place = known.admit(
      event.server, event.client, 1, port: event.serverPort, at: event.time)
    guard place >= 0 else { return }
    known[place].facts.output = max(known[place].facts.output, scoreLimit)
    known[place].facts.prompts = max(known[place].facts.prompts, UInt64(talk.serverLeads))
    if !known[place].thread.isOpen { known[place].facts.isVeiled = true }
    known.note(place, event, since: event.opened, hold: .hours(1))
    tell(place, at: event.time, into: &sink)
  }

  /// The account of a shell's conversation ends its report.
  private mutating func close(
    _ closing: SessionClosing, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    let slot = talks.find(Self.key(event))
    guard slot >= 0 else { return }
    let isTold = talks[slot].isTold
    talks.remove(slot)
    guard isTold else { return }
    for (source, target, detail) in [
      (event.server, event.client, UInt64(1)), (event.client, event.server, UInt64(0)),
    ] {
      let place = known.find(source, target, detail, at: event.time)
      guard place >= 0 else { continue }
      known[place].facts.bytes &+= closing.bytesIn &+ closing.bytesOut
      known[place].last = max(known[place].last, event.time)
      tell(place, at: event.time, into: &sink)
    }
  }

  private mutating func tell(_ place: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let (scoreLimit, outputLimit) = (scoreLimit, outputLimit)
    known.tell(place, facts: Self.digest(known[place]), at: now, into: &sink) {
      Self.report($0, scoreLimit, outputLimit, at: now, from: $1)
    }
  }

  /// That a conversation has ended is news.
  private static func digest(_ attack: AttackCase<Facts>) -> UInt64 {
    attack.facts.bytes > 0 ? 1 : 0
  }

  private static func report(
    _ attack: AttackCase<Facts>, _ scoreLimit: Double, _ outputLimit: Double, at now: CaptureTime,
    from sink: ReportSink
  ) -> Report {
    let facts = attack.facts
    let sum = facts.output + facts.input
    var report = attack.report(
      kind, subject: "\(attack.source) \(attack.target) \(facts.isReverse ? "reverse" : "bind")",
      severity: facts.isVeiled ? veiledSeverity : severity,
      confidence: facts.isVeiled ? 0.6 : min(0.97, 1 - 0.25 * scoreLimit / max(sum, 0.5)), at: now,
      from: sink)
    report.attributes = [
      "technique": .text(facts.isReverse ? "reverse" : "bind"),
      "duration": .duration(attack.last - attack.first), "prompts": .count(facts.prompts),
      "bytes": .bytes(facts.bytes),
    ]
    report.terms = [
      Term("sounds like a shell", sum, threshold: scoreLimit),
      Term("of it prompts and output", facts.output, threshold: outputLimit),
      Term("of it commands", facts.input),
    ]
    return report
  }
}

extension ReverseShell: LossCounting {
  var losses: UInt64 { known.losses &+ talks.refusedCount }
}
