/// Why event time waits for a child no longer.
public enum Silence: String, Sendable {
  /// Its lease ran out.
  case lease = "no word within its lease"
  /// It lives, but none of its own children does.
  case blind = "none of its children is heard"
  /// It lives, but what it promises does not come on while others wait.
  case stalled = "its event time stands still"
}
