import Terms

/// Who leads an encrypted conversation, by its silences: the side that ends them asks, the other one
/// answers.
public struct TurnTalk: Sendable, Hashable {
  /// Silences ended by the server and by the client.
  public var serverLeads = 0
  public var clientLeads = 0
  /// Payload of the server in the turns that it led, and of the client in its answers to them.
  public var serverBytes: UInt64 = 0
  public var clientBytes: UInt64 = 0

  public init() {}
}
