import Analysis
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

  /// When the newest refusal came.
  var refused = CaptureTime.distantPast

  /// Attempts of an inside host that never came closer than this to one another are a job's.
  static let haste = TimeSpan.seconds(1)
  /// Within this the shape of sessions shows guessing as well.
  static let shapedSpan = TimeSpan.seconds(300)

  /// Adds a refusal.
  mutating func fail(_ trial: LoginTrial, port: UInt16, at now: CaptureTime, _ rules: GuessingRules)
  {
    service = trial.service
    failures &+= 1
    if ports.insert(UInt64(port)) { connections &+= 1 }
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

  /// Whether the refusals are guesses, and by which clock.
  func verdict(lasting: TimeSpan, _ rules: GuessingRules) -> Verdict {
    let isSlow = lasting >= rules.slowSpan && Double(failures) <= lasting.seconds / 20
    if isSlow, slow.value >= rules.slowScore {
      if secrets.count >= rules.slowSecrets || users.count >= rules.slowSecrets { return .slow }
      if secrets.count == 0, isOutside, successes == 0, slow.value >= rules.slowScore * 1.5 {
        return .slow
      }
    }
    guard score.value >= rules.score else { return .none }
    if service == "http" { return secrets.count >= rules.secrets ? .fast : .none }
    // One connection with many tries does not look like guessing from without; many do.
    let isShaped = connections >= 5 && lasting < Self.shapedSpan || failures < 4 * connections
    if LoginTrial.shaped.contains(service), isShaped { return .none }
    if secrets.count > 0 { return secrets.count >= rules.secrets ? .fast : .none }
    return users.count >= rules.secrets || score.value >= rules.score * 2 ? .fast : .none
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
