import Analysis
import Flows
import Terms

/// Servers that somebody outside guessed his way into: who comes next from his network and never
/// came before comes with what was guessed, for intruders seldom log in from where they guess.
struct GuessedDoors: Sendable {
  /// How long after a guess that worked a neighbour is its heir.
  static let handover = TimeSpan.minutes(30)

  private struct Door: Sendable {
    var guesser = IPAddress.unspecified
    var opened = CaptureTime.distantPast
    var facts = GuessedPair()
  }

  private var doors: BoundedTable<Door>

  init(capacity: Int) { doors = BoundedTable(capacity: max(capacity, 1), empty: Door()) }

  /// By server and the client's network (/24, /64), whatever the service: a password opens several.
  private static func key(_ event: SessionEvent) -> TableKey {
    let length = event.client.isIPv4 ? 24 : 64
    return TableKey(
      event.server, detail: TableKey(IPPrefix(event.client, length: length).base).hash)
  }

  mutating func open(_ event: SessionEvent, _ facts: GuessedPair) {
    let slot = doors.admit(
      Self.key(event), asOf: event.time, until: event.time + Self.handover)
    guard slot >= 0 else { return }
    doors[slot] = Door(guesser: event.client, opened: event.time, facts: facts)
  }

  /// What a neighbour guessed before; nil where nobody did, or the client itself.
  func guesses(before event: SessionEvent) -> GuessedPair? {
    let slot = doors.find(Self.key(event))
    guard slot >= 0, doors[slot].guesser != event.client,
      event.time - doors[slot].opened <= Self.handover
    else { return nil }
    return doors[slot].facts
  }

  var losses: UInt64 { doors.refusedCount }
}
