import Flows
import Terms

/// The logins that one client tries at one web server, and how each ends.
struct WebLogins: Sendable {
  /// Attempts that may wait for their answers.
  static let pendingLimit = 8
  /// Without Basic the credentials differ each time (Digest answers a challenge), so that only
  /// attempts one right after the other are guesses.
  static let haste = TimeSpan.seconds(5)
  /// Weight of an answer that says nothing by itself.
  static let faintWeight = 0.25

  struct Attempt: Sendable {
    var port: UInt16
    var number: Int
    var user: UInt64
    var secret: UInt64
    /// Of the password alone; 0 where it cannot be told from the rest.
    var password: UInt64 = 0
    var isForm: Bool
    /// The same secret gives the same digest.
    var isStable: Bool

    init?(_ request: HTTPRequest, port: UInt16) {
      self.port = port
      number = request.number
      if let form = LoginForm(request) {
        user = form.user
        secret = form.secret ?? request.body.digest
        password = form.secret ?? 0
        isForm = true
        isStable = true
      } else if !request.authorization.isEmpty {
        user = 0
        secret = request.authorization.digest
        isForm = false
        isStable = request.authorization.begins("basic ")
        if isStable { readBasic(request.authorization.dropFirst(6)) }
        // A bearer's token is no guess.
        if request.authorization.begins("bearer") || request.authorization.begins("negotiate") {
          return nil
        }
      } else {
        return nil
      }
    }

    /// A name and a password, with a colon between (RFC 7617).
    private mutating func readBasic(_ credentials: ArraySlice<UInt8>) {
      let text = Base64.decoded(credentials.drop { $0 == 0x20 })
      guard let colon = text.firstIndex(of: 0x3a) else { return }
      user = text[..<colon].digest
      password = text[(colon + 1)...].digest
    }
  }

  enum Outcome {
    case none
    case failed(Double)
    case succeeded
  }

  private var pending: [Attempt] = []
  private var lastUser: UInt64 = 0
  private var lastSecret: UInt64 = 0
  private var lastTime = CaptureTime.distantPast
  /// Status and length of the answers to forms that were taken for refusals, and their number.
  private var refusal: UInt64 = 0
  private var refusals = 0

  mutating func add(_ attempt: Attempt) {
    if pending.count >= Self.pendingLimit { pending.removeFirst() }
    pending.append(attempt)
  }

  /// The attempt that a response answers and how it ended; nil where it answers none.
  mutating func judge(
    _ response: HTTPResponse, port: UInt16, at now: CaptureTime
  ) -> (Attempt, Outcome)? {
    guard
      let place = pending.firstIndex(where: {
        $0.port == port && $0.number == response.requestNumber
      })
    else { return nil }
    let attempt = pending.remove(at: place)
    defer {
      lastUser = attempt.user
      lastSecret = attempt.secret
      lastTime = now
    }
    return (attempt, attempt.isForm ? form(attempt, response) : head(attempt, response, now))
  }

  private func head(
    _ attempt: Attempt, _ response: HTTPResponse, _ now: CaptureTime
  ) -> Outcome {
    switch response.status {
    case 401, 407, 403:
      // The same password once more is a job that nobody told of the new one.
      if attempt.isStable { return attempt.secret == lastSecret ? .none : .failed(1) }
      return now - lastTime <= Self.haste ? .failed(1) : .none
    case 200..<400: return .succeeded
    default: return .none
    }
  }

  private mutating func form(_ attempt: Attempt, _ response: HTTPResponse) -> Outcome {
    let isRepeat = attempt.secret == lastSecret && attempt.user == lastUser
    let mark = Self.signature(response)
    switch response.status {
    case 400, 401, 403, 422, 423, 429:
      note(mark)
      return isRepeat ? .none : .failed(1)
    case 300..<400:
      guard Self.leadsBack(response) else { return .succeeded }
      note(mark)
      return isRepeat ? .none : .failed(1)
    case 200..<300:
      let members = response.body.filter { $0 > 0x20 }
      if members.mentions("\"success\":true") { return .succeeded }
      if Self.saysNo(response) || members.mentions("\"success\":false") {
        note(mark)
        return isRepeat ? .none : .failed(1)
      }
      if Self.handsOut(members) { return .succeeded }
      if refusals >= 5, mark != refusal { return .succeeded }
      note(mark)
      if isRepeat { return .none }
      let isSameUser = attempt.user != 0 && attempt.user == lastUser
      let isSpray = attempt.user != lastUser && attempt.secret == lastSecret
      return .failed(isSameUser || isSpray ? 1 : Self.faintWeight)
    default: return .none
    }
  }

  private mutating func note(_ mark: UInt64) {
    refusals = mark == refusal ? refusals + 1 : 1
    refusal = mark
  }

  /// Status and length, the latter coarsely: pages repeat the name that was tried.
  private static func signature(_ response: HTTPResponse) -> UInt64 {
    UInt64(clamping: response.status) << 48 | (response.contentLength ?? 0) / 64
  }

  private static func leadsBack(_ response: HTTPResponse) -> Bool {
    let location = response.location
    let words: [StaticString] = [
      "login", "logon", "signin", "sign-in", "sign_in", "error", "fail", "invalid", "denied",
      "retry",
    ]
    if words.contains(where: { location.mentions($0) }) { return true }
    // The form itself, whatever is said behind its name.
    let form = response.requestTarget.prefix { $0 != 0x3f }
    return !form.isEmpty && location.prefix { $0 != 0x3f }.elementsEqual(form)
  }

  /// Whether an answer hands out what later requests show in the password's place (RFC 6749, 5.1).
  private static func handsOut(_ members: [UInt8]) -> Bool {
    let names: [StaticString] = [
      "\"token\":\"", "\"access_token\":\"", "\"accesstoken\":\"", "\"jwt\":\"",
      "\"sessionid\":\"", "\"session_id\":\"", "\"authenticated\":true",
    ]
    return names.contains { members.mentions($0) } && !members.mentions("token\":\"\"")
  }

  private static func saysNo(_ response: HTTPResponse) -> Bool {
    let words: [StaticString] = [
      "invalid", "incorrect", "failed", "wrong", "denied", "unknown user", "try again", "bad login",
      "bad credentials", "unauthori", "cannot log in", "not recognized", "does not match",
    ]
    return words.contains { response.body.mentions($0) }
  }
}
