/// Conditions to records.
extension RuleCompiler {
  mutating func addTests(_ conditions: [PacketCondition]) -> Span {
    let start = draft.tests.count
    for condition in conditions { draft.tests.append(Self.test(condition)) }
    return Span(start..<draft.tests.count)
  }

  private static func test(_ condition: PacketCondition) -> PacketTest {
    switch condition {
    case .dsize(let range): ranged(.dsize, range)
    case .ttl(let range): ranged(.ttl, range)
    case .ipIdentifier(let value): equal(.ipIdentifier, UInt32(value))
    case .ipProtocol(let range): ranged(.ipProtocol, range)
    case .ipOption(let option): equal(.ipOption, UInt32(option.rawValue))
    case .typeOfService(let range): ranged(.typeOfService, range)
    case .sameAddress: equal(.sameAddress, 0)
    case .fragmentBits(let flags): flagged(.fragmentBits, flags)
    case .fragmentOffset(let range): ranged(.fragmentOffset, range)
    case .tcpFlags(let flags): flagged(.tcpFlags, flags)
    case .sequence(let value): equal(.sequence, value)
    case .acknowledgement(let value): equal(.acknowledgement, value)
    case .window(let range): ranged(.window, range)
    case .segmentSize(let range): ranged(.segmentSize, range)
    case .icmpType(let range): ranged(.icmpType, range)
    case .icmpCode(let range): ranged(.icmpCode, range)
    case .icmpIdentifier(let value): equal(.icmpIdentifier, UInt32(value))
    case .icmpSequence(let value): equal(.icmpSequence, UInt32(value))
    case .streamSize(.client, let range): ranged(.streamClient, range)
    case .streamSize(.server, let range): ranged(.streamServer, range)
    case .streamSize(.both, let range): ranged(.streamBoth, range)
    case .streamSize(.either, let range): ranged(.streamEither, range)
    }
  }

  private static func ranged(_ subject: PacketTest.Subject, _ range: NumberRange) -> PacketTest {
    PacketTest(subject: subject, isNegated: range.isNegated, low: range.low, high: range.high)
  }

  private static func equal(_ subject: PacketTest.Subject, _ value: UInt32) -> PacketTest {
    PacketTest(subject: subject, low: value, high: value)
  }

  private static func flagged(_ subject: PacketTest.Subject, _ flags: FlagTest) -> PacketTest {
    PacketTest(
      subject: subject, mode: flags.mode.rawValue, low: UInt32(flags.bits),
      high: UInt32(flags.ignored))
  }

  mutating func addApplicationTests(_ conditions: [ApplicationCondition]) -> Span {
    let start = draft.applicationTests.count
    for condition in conditions {
      switch condition {
      case .isProtocol(let name, let isNegated):
        draft.applicationTests.append(
          ApplicationTest(
            subject: .isProtocol, isNegated: isNegated, value: UInt16(name?.code ?? 0)))
      case .tlsVersion(let versions, let isNegated):
        let first = draft.names.count
        draft.names.append(contentsOf: versions.map(Int32.init))
        draft.applicationTests.append(
          ApplicationTest(
            subject: .tlsVersion, isNegated: isNegated, versions: Span(first..<draft.names.count)))
      case .event(let event):
        let place = ApplicationEvent.allCases.firstIndex(of: event) ?? 0
        draft.applicationTests.append(ApplicationTest(subject: .event, value: UInt16(place)))
      }
    }
    return Span(start..<draft.applicationTests.count)
  }

  mutating func addStates(_ conditions: [StateCondition]) -> Span {
    let start = draft.states.count
    for condition in conditions {
      var record: StateRecord
      switch condition {
      case .flowBit(let names, let isSet):
        record = StateRecord(subject: .flowBit, operation: isSet ? 1 : 0)
        let first = draft.names.count
        for name in names { draft.names.append(draft.flowName(name)) }
        record.names = Span(first..<draft.names.count)
      case .hostBit(let name, let subject, let isSet):
        record = StateRecord(subject: Self.subject(subject), operation: isSet ? 1 : 0)
        record.names = addName(draft.hostName(name))
      case .flowNumber(let name, let comparison, let isNegated, let value):
        record = StateRecord(
          subject: .number, operation: comparison.rawValue, isNegated: isNegated, value: value)
        record.names = addName(draft.flowName(name))
      case .flowNumberExists(let name, let isSet):
        record = StateRecord(subject: .numberExists, operation: isSet ? 1 : 0)
        record.names = addName(draft.flowName(name))
      }
      draft.states.append(record)
    }
    return Span(start..<draft.states.count)
  }

  mutating func addChanges(_ changes: [StateChange]) -> Span {
    let start = draft.states.count
    for change in changes {
      var record: StateRecord
      switch change {
      case .flowBit(let name, let bit):
        record = StateRecord(subject: .flowBit, operation: bit.rawValue)
        record.names = addName(draft.flowName(name))
      case .hostBit(let name, let subject, let bit, let seconds):
        record = StateRecord(
          subject: Self.subject(subject), operation: bit.rawValue, seconds: seconds)
        record.names = addName(draft.hostName(name))
      case .flowNumber(let name, let number, let value):
        record = StateRecord(subject: .number, operation: number.rawValue, value: value)
        record.names = addName(draft.flowName(name))
      }
      draft.states.append(record)
    }
    return Span(start..<draft.states.count)
  }

  private mutating func addName(_ name: Int32) -> Span {
    draft.names.append(name)
    return Span(draft.names.count - 1..<draft.names.count)
  }

  private static func subject(_ subject: StateSubject) -> StateRecord.Subject {
    switch subject {
    case .source: .sourceBit
    case .destination: .destinationBit
    case .pair: .pairBit
    }
  }
}
