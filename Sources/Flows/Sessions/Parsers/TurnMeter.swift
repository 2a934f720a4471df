import Terms

/// Measures who leads a conversation whose content cannot be read.
struct TurnMeter {
  /// A silence from which it matters who ends it.
  static let silence = TimeSpan.seconds(0.5)
  /// Leads of the server from which the talk is worth telling, and turns and bytes that are looked
  /// at.
  static let leads = 3
  static let turnLimit = 128
  static let byteLimit: UInt64 = 262_144

  private(set) var talk = TurnTalk()
  private var turns = 0
  private var bytes: UInt64 = 0
  private var speaker: FlowDirection?
  private var last = CaptureTime.distantPast
  private var isLed = false

  /// Takes payload of one side; whether more is wanted.
  mutating func take(_ count: Int, _ direction: FlowDirection, at now: CaptureTime) -> Bool {
    let isTurn = direction != speaker
    // Before the first silence there is a handshake.
    if last > .distantPast, now - last >= Self.silence {
      isLed = direction == .back
      if isLed { talk.serverLeads += 1 } else { talk.clientLeads += 1 }
    }
    if isTurn { turns += 1 }
    speaker = direction
    last = now
    bytes &+= UInt64(count)
    if isLed {
      if direction == .back {
        talk.serverBytes &+= UInt64(count)
      } else {
        talk.clientBytes &+= UInt64(count)
      }
    }
    return turns < Self.turnLimit && bytes < Self.byteLimit
  }

  /// Whether the server asks and the client answers at greater length.
  var isReversed: Bool {
    talk.serverLeads >= Self.leads && 3 * talk.clientLeads <= talk.serverLeads
      && talk.clientBytes >= 2 * talk.serverBytes
  }
}
