import Analysis
import Flows
import Reports
import Terms

/// Finds forged DNS answers: two that contradict each other for one question, answers that bear a
/// server's address but come from another host's interface, and floods of answers that guess a
/// resolver's transaction (Kaminsky 2008; RFC 5452).
///
/// Copies of one answer, repeated questions and resolvers that use several servers contradict
/// nobody.
struct DNSSpoof: AnalysisEngine {
  static let score = EngineLimit(
    "dns-spoof.score", 2, .count,
    "Forgery score of a hardware address: 2 per contradiction, 1 per stray, 0.1 per guess.")
  static let memory = EngineLimit(
    "dns-spoof.memory", 120, .duration, "How long a question's first answer is remembered.")
  static let halfLife = EngineLimit(
    "dns-spoof.half-life", 3600, .duration, "Time after which an idle score has halved.")
  static let questions = EngineLimit(
    "dns-spoof.questions", 8192, .count, "Questions whose answers are compared at once.")
  static let forgers = EngineLimit(
    "dns-spoof.forgers", 512, .count, "Pairs of server and hardware address judged at once.")
  static let quiet = EngineLimit(
    "dns-spoof.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "dns-spoof.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [score, memory, halfLife, questions, forgers, quiet, spacing]

  /// What one proof adds to a score: two answers from different places, two of which only the time
  /// to live differs, two for one question that differ in nothing else.
  static let contradiction = 2.0
  static let farContradiction = 1.5
  static let doubleAnswer = 1.0
  /// A first answer from another interface than the server's, when it says something else than the
  /// server did before; half where nothing is known.
  static let stray = 1.0
  static let guess = 0.1
  /// Within this time, the third answer to one question that nobody asked, and each further one, is a
  /// guess: those who poison a cache are in a hurry.
  static let guessSpan = TimeSpan.seconds(10)
  /// Forged answers are no longer than this, in bytes; what is reflected is.
  static let guessSize = 512
  /// How far two directions of one capture may be out of order.
  static let captureDisorder = TimeSpan.milliseconds(100)

  struct Question: Sendable {
    var asked = CaptureTime.distantPast
    var askerMAC = MACAddress.unknown
    /// Times that the asker itself asked.
    var count = 0
    var isAnswered = false
    var answer = DNSAnswer()
    var mac = MACAddress.unknown
    var timeToLive: UInt8 = 0
    var packet: UInt64 = 0
  }

  struct Forger: Sendable {
    var score = FadingScore()
    /// Strays that count once the server proves to be alive beside them.
    var strayScore = FadingScore()
    var firstStray = CaptureTime.distantPast
    var contradictions: UInt64 = 0
    var strays: UInt64 = 0
    var guesses: UInt64 = 0
    var first = CaptureTime.distantPast
    var last = CaptureTime.distantPast
    var name = ""
    var answer = IPAddress.unspecified
    var expected = IPAddress.unspecified
    var deceived = AddressSet()
    var packets = PacketSample()
    var thread = ReportThread(spacing: .zero)

    var count: UInt64 { contradictions &+ strays &+ guesses }
  }

  let scoreLimit: Double
  private let span: TimeSpan
  let decay: TimeSpan
  let quietSpan: TimeSpan
  var owners = HardwareOwners()
  private var questions: BoundedTable<Question>
  var forgers: BoundedTable<Forger>
  /// What servers answered before, by server and question.
  private var answers: BoundedTable<DNSAnswer>
  /// Who asked what, whatever the transaction.
  private var asked: ContactMemory
  /// Whom each asker asks, and questions of which he got answers that he had not asked for: once,
  /// twice, and more.
  private var partners: ContactMemory
  private var unasked: ContactMemory
  /// Answers to questions that were not seen: a capture of two directions may hold an answer just
  /// before its question.
  private var early: ContactMemory
  var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    scoreLimit = max(limits[Self.score], 0.1)
    span = limits.span(Self.memory)
    decay = limits.span(Self.halfLife)
    quietSpan = limits.span(Self.quiet)
    questions = BoundedTable(capacity: limits.count(Self.questions), empty: Question())
    answers = BoundedTable(capacity: limits.count(Self.questions), empty: DNSAnswer())
    forgers = BoundedTable(
      capacity: limits.count(Self.forgers),
      empty: Forger(thread: ReportThread(spacing: limits.span(Self.spacing))))
    asked = ContactMemory(capacity: limits.count(Self.questions), span: span)
    partners = ContactMemory(capacity: 2048, span: span)
    unasked = ContactMemory(capacity: 1024, span: Self.guessSpan)
    early = ContactMemory(capacity: 1024, span: Self.captureDisorder)
  }

  @inline(__always) mutating func foresee(_ event: UnsafePointer<SessionEvent>) {
    owners.foresee(event)
  }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    defer { owners.learn(event) }
    guard case .dns(let message) = event.what, event.transport == .udp, message.opcode == 0,
      message.questionCount == 1, message.malformation == .none
    else { return }
    let turn = DNSTurn(event, message)
    guard turn.isUnicast else { return }
    if message.isResponse {
      answer(event, message, turn, into: &sink)
    } else {
      ask(event, message, turn)
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    var next = CaptureTime.distantFuture
    for slot in forgers.slots where forgers[slot].thread.isStale(count: forgers[slot].count) {
      let due = forgers[slot].thread.lastDue(after: forgers[slot].last, quiet: quietSpan)
      if due <= now { emit(slot, at: now, into: &sink) } else { next = min(next, due) }
    }
    nextDeadline = next
  }
}

// MARK: - Questions and answers

extension DNSSpoof {
  private func key(
    _ message: DNSMessage, _ turn: DNSTurn, _ question: UInt64, _ vlan: UInt16
  ) -> TableKey {
    let ports = UInt64(turn.askerPort) << 32 | UInt64(message.id) << 16 | UInt64(vlan)
    return TableKey(turn.asker, detail: TableKey(turn.answerer, detail: question ^ ports).hash)
  }

  private func askedHash(_ turn: DNSTurn, _ question: UInt64) -> UInt64 {
    max(TableKey(turn.asker, detail: question).hash, 1)
  }

  private func partnerHash(_ turn: DNSTurn) -> UInt64 {
    ContactMemory.hash(turn.asker, turn.answerer, port: turn.answererPort, transport: .udp)
  }

  /// Whether a server that the asker does ask is made to answer the same question time and again,
  /// which he never asked.
  private mutating func isRepeatedlyUnasked(
    _ message: DNSMessage, _ turn: DNSTurn, _ question: UInt64, at now: CaptureTime
  ) -> Bool {
    guard message.size <= Self.guessSize, partners.contains(partnerHash(turn), asOf: now) else {
      return false
    }
    let hash = askedHash(turn, question)
    return !unasked.insert(hash, at: now) && !unasked.insert(hash ^ 1 << 63 | 1, at: now)
  }

  private mutating func ask(_ event: SessionEvent, _ message: DNSMessage, _ turn: DNSTurn) {
    let question = DNSTurn.question(message.name, type: message.queryType)
    _ = asked.insert(askedHash(turn, question), at: event.time)
    _ = partners.insert(partnerHash(turn), at: event.time)
    let key = key(message, turn, question, event.vlan)
    if early.contains(max(key.hash, 1), asOf: event.time) { takeBack(event, turn, key) }
    let slot = questions.admit(key, asOf: event.time, until: event.time + .seconds(10))
    guard slot >= 0 else { return }
    if event.time - questions[slot].asked > span {
      questions[slot] = Question(asked: event.time, askerMAC: event.sourceMAC)
    }
    // A copy from another interface was forwarded, not asked again.
    if questions[slot].askerMAC == event.sourceMAC { questions[slot].count += 1 }
  }

  private mutating func answer(
    _ event: SessionEvent, _ message: DNSMessage, _ turn: DNSTurn, into sink: inout ReportSink
  ) {
    let question = DNSTurn.question(message.name, type: message.queryType)
    let slot = questions.find(key(message, turn, question, event.vlan))
    guard slot >= 0, event.time - questions[slot].asked <= span else {
      if asked.contains(askedHash(turn, question), asOf: event.time)
        || isRepeatedlyUnasked(message, turn, question, at: event.time)
      {
        _ = early.insert(
          max(key(message, turn, question, event.vlan).hash, 1), at: event.time)
        note(
          event, message, turn,
          Proof(weight: Self.guess, source: event.sourceMAC, guesses: 1), into: &sink)
      }
      return
    }
    let told = DNSAnswer(message)
    guard questions[slot].isAnswered else {
      let earlier = remember(told, event, turn, question)
      judgePlace(event, message, turn, told, earlier: earlier, into: &sink)
      questions[slot].isAnswered = true
      questions[slot].answer = told
      questions[slot].mac = event.sourceMAC
      questions[slot].timeToLive = event.timeToLive
      questions[slot].packet = event.packet
      return
    }
    let before = questions[slot]
    guard told.contradicts(before.answer) else { return }
    judgeContradiction(event, message, turn, told, before, into: &sink)
  }

  /// An answer that seemed to guess a transaction was none: its question came just behind it.
  private mutating func takeBack(_ event: SessionEvent, _ turn: DNSTurn, _ key: TableKey) {
    early.remove(max(key.hash, 1))
    let slot = forgers.find(
      TableKey(turn.answerer, detail: event.targetMAC.bits << 16 | UInt64(event.vlan)))
    guard slot >= 0, forgers[slot].guesses > 0 else { return }
    forgers[slot].guesses -= 1
    forgers[slot].score.add(-Self.guess, at: event.time, span: decay)
  }

  /// Keeps the newest answer that the server itself gave to a question; the one before.
  private mutating func remember(
    _ told: DNSAnswer, _ event: SessionEvent, _ turn: DNSTurn, _ question: UInt64
  ) -> DNSAnswer? {
    let key = TableKey(turn.answerer, detail: question)
    let isOwner = owners.owner(of: turn.answerer, vlan: event.vlan)?.mac == event.sourceMAC
    let known = answers.find(key)
    if known >= 0 {
      defer { if isOwner { answers[known] = told } }
      answers.keep(known, until: event.time + .seconds(1))
      return answers[known]
    }
    guard isOwner else { return nil }
    let slot = answers.admit(key, asOf: event.time, until: event.time + .seconds(1))
    if slot >= 0 { answers[slot] = told }
    return nil
  }

  private mutating func judgePlace(
    _ event: SessionEvent, _ message: DNSMessage, _ turn: DNSTurn, _ told: DNSAnswer,
    earlier: DNSAnswer?, into sink: inout ReportSink
  ) {
    guard let owner = owners.owner(of: turn.answerer, vlan: event.vlan), owner.frames >= 2,
      owner.mac != event.sourceMAC, event.sourceMAC != .unknown,
      event.time - owner.last <= HardwareOwners.silence, !owners.isRouter(event.sourceMAC)
    else { return }
    let weight: Double
    if let earlier {
      guard told.contradicts(earlier) else { return }
      weight = Self.stray
    } else {
      weight = Self.stray / 2
    }
    var proof = Proof(weight: weight, source: event.sourceMAC, strays: 1)
    proof.expected = earlier?.addresses.first
    note(event, message, turn, proof, into: &sink)
  }

  private mutating func judgeContradiction(
    _ event: SessionEvent, _ message: DNSMessage, _ turn: DNSTurn, _ told: DNSAnswer,
    _ before: Question, into sink: inout ReportSink
  ) {
    let owner = owners.owner(of: turn.answerer, vlan: event.vlan)
    var proof = Proof(weight: 0, source: event.sourceMAC, contradictions: 1)
    var isFirstForged = false
    if before.mac != event.sourceMAC {
      proof.weight = Self.contradiction
      isFirstForged = owner?.mac == event.sourceMAC
    } else if before.timeToLive != event.timeToLive {
      proof.weight = Self.farContradiction
      isFirstForged = owner?.timeToLive == event.timeToLive
    } else if before.count <= 1 {
      // Two answers of one server to one question, which no resolver gives.
      proof.weight = Self.doubleAnswer
    } else {
      return
    }
    if isFirstForged {
      proof.source = before.mac
      proof.forged = before.answer.addresses.first
      proof.expected = told.addresses.first
    } else {
      proof.expected = before.answer.addresses.first
    }
    proof.otherPacket = before.packet
    note(event, message, turn, proof, into: &sink)
  }
}

extension DNSSpoof: LossCounting {
  var losses: UInt64 {
    questions.refusedCount &+ forgers.refusedCount &+ owners.losses
  }
}
