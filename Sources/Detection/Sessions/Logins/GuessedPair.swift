import Analysis
import Flows
import Reports
import Terms

/// What one source did at the logins of one service.
struct GuessedPair: Sendable {
  var service = ""
  /// Refusals, fading fast, and over hours.
  var score = FadingScore()
  var slow = FadingScore()
  var failures: UInt64 = 0
  var successes: UInt64 = 0
  var secrets = FewDigests()
  var users = FewDigests()
  var web = WebLogins()
  /// Connections that were refused something, by their ports.
  var connections: UInt64 = 0
  var ports = FewDigests()
  /// The account named by an RDP client's cookie.
  var cookie: UInt64 = 0
  var isOutside = false
  /// Of the login that worked.
  var account: [UInt8] = []

  /// When the newest refusal came, and when its connection was opened.
  var refused = CaptureTime.distantPast
  private var opened = CaptureTime.distantPast
  /// Refused connections that were opened beside another or at once after it, as `BruteForce`
  /// counts them.
  private var companions: UInt64 = 0
  /// The pause before the newest connection, and how much pauses differed, one by one, in parts of
  /// both.
  private var pause = 0.0
  private var unevenness = 0.0

  /// Attempts of an inside host that never came closer than this to one another are a job's.
  static let haste = TimeSpan.seconds(1)
  /// Jobs that nobody told of a new password come once a minute, at most; strangers' tries, none of
  /// which works, come faster.
  static let strangerPace = TimeSpan.seconds(12)
  static let strangerFactor = 1.15
  /// So many connections refused at such a pace are nobody's error inside the site either.
  static let hastyPace = TimeSpan.seconds(3)
  static let hastyConnections: UInt64 = 16
  /// Fewer at a slower pace will do where they come unevenly: a job tries again by the clock, and
  /// whoever mistypes his own password stops to think. Uneven are pauses that differ from the one
  /// before by this part of both together, on average.
  static let briskPace = TimeSpan.seconds(8)
  static let briskConnections: UInt64 = 10
  static let unevenShare = 0.1

  /// Adds a refusal.
  mutating func fail(_ trial: LoginTrial, _ event: SessionEvent, _ rules: GuessingRules) {
    let now = event.time
    service = trial.service
    failures &+= 1
    if ports.insert(UInt64(event.clientPort)) {
      connections &+= 1
      if event.opened - refused <= max(.zero, refused - opened) { companions &+= 1 }
      if connections > 1 { compare(pause: (event.opened - opened).seconds) }
      opened = event.opened
    }
    let isNew = trial.secret != 0 && secrets.insert(trial.secret)
    if trial.user != 0 { _ = users.insert(trial.user) }
    var weight = trial.weight
    if service == "snmp", !isNew { weight = 0 }
    // Whoever hides what he tries may be a job that nobody told of the new password.
    if trial.secret == 0, service != "http", !isOutside, now - refused > Self.haste {
      weight *= 0.25
    }
    refused = now
    score.add(weight, at: now, span: rules.halfLife)
    slow.add(isNew || trial.secret == 0 ? weight : 0, at: now, span: rules.slowHalfLife)
  }

  private mutating func compare(pause next: Double) {
    if connections > 2, pause + next > 0 { unevenness += abs(next - pause) / (pause + next) }
    pause = next
  }

  /// Whether the refusals are guesses, and by which clock.
  func verdict(lasting: TimeSpan, _ rules: GuessingRules) -> Verdict {
    let isSlow = lasting >= rules.slowSpan && Double(failures) <= lasting.seconds / 20
    if isSlow, slow.value >= rules.slowScore {
      if secrets.count >= rules.slowSecrets || users.count >= rules.slowSecrets { return .slow }
      if secrets.count == 0, isOutside, successes == 0, slow.value >= rules.slowScore * 1.5 {
        return .slow
      }
    }
    // Of few connections with many tries each the shape says nothing; of many at once it does.
    let isShaped = LoginTrial.shaped.contains(service)
    let isOneByOne = failures < 4 * connections
    let isBusy = 2 * companions > connections
    if isShaped, isOneByOne, !isBusy, secrets.count == 0 {
      return isPersistent(lasting, rules) ? .fast : .none
    }
    // A digest or proof instead of a password tells as little as the shape of a session does.
    let isVeiled = secrets.count == 0 && service != "http" && service != "snmp"
    if isVeiled, !isShaped, isOneByOne, isPersistent(lasting, rules) { return .fast }
    guard score.value >= rules.score else { return .none }
    if service == "http" { return secrets.count >= rules.secrets ? .fast : .none }
    if isShaped, isBusy, isOneByOne || connections >= 5 { return .none }
    if secrets.count > 0 { return secrets.count >= rules.secrets ? .fast : .none }
    return users.count >= rules.secrets || score.value >= rules.score * 2 ? .fast : .none
  }

  /// Whether somebody outside tries connection after connection, or somebody inside does so briskly
  /// or in haste, and never comes in.
  private func isPersistent(_ lasting: TimeSpan, _ rules: GuessingRules) -> Bool {
    guard successes == 0 else { return false }
    let tries = Double(connections)
    if connections >= Self.hastyConnections, lasting.seconds <= Self.hastyPace.seconds * tries {
      return true
    }
    if connections >= Self.briskConnections, lasting.seconds <= Self.briskPace.seconds * tries,
      unevenness >= Self.unevenShare * (tries - 2)
    {
      return true
    }
    return isOutside && lasting.seconds <= Self.strangerPace.seconds * tries
      && score.value >= rules.score * Self.strangerFactor
  }

  enum Verdict: Sendable { case none, fast, slow }
}

/// The limits by which guesses are told from errors.
struct GuessingRules: Sendable {
  var score: Double
  var secrets: Int
  var halfLife: TimeSpan
  var slowScore: Double
  var slowSecrets: Int
  var slowHalfLife: TimeSpan
  /// How long slow guessing has gone on, at least.
  var slowSpan: TimeSpan
}
