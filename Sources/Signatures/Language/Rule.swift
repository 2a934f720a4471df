/// One rule of the Suricata and Snort language, with variables resolved and old content modifiers
/// turned into buffers: what it says, ready to be compiled. A packet or a session answers to it
/// when the header, `flow`, and every condition hold.
public struct Rule: Sendable, Equatable {
  /// Where it stands: an index into `RuleSet.files`, and the line it begins on, from 1.
  public var file: Int32 = 0
  public var line: Int32 = 0

  public var action = RuleAction.alert
  public var header = RuleHeader()

  public var generator: UInt32 = 1
  public var signature: UInt32 = 0
  public var revision: UInt32 = 0
  public var message = ""
  /// The `classtype`; empty where there is none.
  public var classification = ""
  /// 1 (worst) … 255 (least): the rule's own, else that of its classification, else 3.
  public var priority: UInt8 = 3
  public var references: [RuleReference] = []
  public var metadata = RuleMetadata()
  /// Which end of the flow the attack is aimed at, if the rule says so.
  public var target: RuleTarget?

  public var flow = FlowCondition()
  /// Conditions on headers of one packet.
  public var packet: [PacketCondition] = []
  /// Conditions on what the session's parser knows.
  public var application: [ApplicationCondition] = []
  /// Conditions on bytes, in the rule's order within each buffer. The cursor of relative conditions
  /// begins at 0 in each group.
  public var buffers: [BufferMatch] = []
  /// Tests of bits and numbers that other rules keep; all must hold.
  public var states: [StateCondition] = []

  /// What a match changes, in the rule's order.
  public var changes: [StateChange] = []
  /// The number of variables of byte_extract and byte_math; conditions name them by index.
  public var variableCount = 0
  public var threshold: Threshold?
  public var detectionFilter: DetectionFilter?
  /// A match changes state and reports nothing (`noalert`).
  public var isSilent = false

  public init() {}
}

/// What to do with a match. Beryl watches and does not stand in the way: `drop` and `reject` are
/// told as `alert`, `pass` keeps the other rules quiet.
public enum RuleAction: UInt8, Sendable, CaseIterable {
  case alert, pass, drop, reject, log
}

/// The end of the flow that a rule names as the target: `target:src_ip` or `target:dest_ip`.
public enum RuleTarget: UInt8, Sendable {
  case source, destination
}

/// A public description of what a rule finds, e.g. `reference:cve,2021-44228`.
public struct RuleReference: Sendable, Hashable {
  /// Lower case: `cve`, `url`, `bugtraq`, `md5`.
  public var system: String
  public var identifier: String

  public init(system: String, identifier: String) {
    self.system = system
    self.identifier = identifier
  }
}

/// What the rule's author notes beside it: `metadata:attack_target Server, mitre_tactic_id TA0001`.
public struct RuleMetadata: Sendable, Hashable {
  /// As the file has it, several `metadata` options joined by commas.
  public var text: String

  public init(text: String = "") { self.text = text }

  /// Keys and values in order; a key without a value has an empty one.
  public var pairs: [(key: Substring, value: Substring)] {
    text.split(separator: ",").compactMap { entry in
      let words = entry.split(separator: " ", maxSplits: 1)
      guard let key = words.first else { return nil }
      var value = words.count > 1 ? words[1] : ""
      while value.last == " " { value.removeLast() }
      return (key, value)
    }
  }

  /// The first value of `key`, as `pairs` has it; nil without the key. Reports ask for two of dozens:
  /// the others are not taken apart.
  public func value(of key: String) -> Substring? {
    for entry in text.utf8.split(separator: UInt8(ascii: ",")) {
      let entry = entry.drop { $0 == 0x20 }
      guard entry.starts(with: key.utf8) else { continue }
      let rest = entry.dropFirst(key.utf8.count)
      guard let first = rest.first else { return "" }
      guard first == 0x20 else { continue }
      var value = rest.dropFirst()
      while value.last == 0x20 { value.removeLast() }
      return Substring(value)
    }
    return nil
  }
}
