import Monitoring
import Reports
import Terms
import Testing

@testable import Links

/// One child and two parents over links that break, stall and come back; everything from a seed.
///
/// Within one connection messages neither vanish nor change places, as TCP has it; when a
/// connection breaks, what was under way in both directions is gone.
struct LinkSimulation {
  /// A parent with its store, which confirms late.
  struct Parent {
    var table: DownlinkTable
    var isReachable = true
    /// Store and admit directives, worked off in order.
    var work: [(due: UInt64, directive: DownlinkTable.Directive)] = []
    /// What is durable: sequences in the order stored, per lane.
    var stored: [LaneName: [UInt64]] = [:]
    var positions: [LaneName: UInt64] = [:]
    /// The newest watermark heard, per lane.
    var watermarks: [LaneName: CaptureTime] = [:]
    var endedLanes: Set<LaneName> = []
  }

  struct Connection {
    var id: ConnectionID
    var up: [(due: UInt64, message: LinkMessage)] = []
    var down: [(due: UInt64, message: LinkMessage)] = []
    var isOpen = false
  }

  static let lanes: [LaneName] = [.live, LaneName("drill-a")]

  private(set) var chance: SeededGenerator
  private(set) var parents: [MonitorName: Parent] = [:]
  private(set) var child: UplinkMachine
  private var connections: [MonitorName: Connection] = [:]
  private var dialling: [MonitorName: UInt64] = [:]
  private var closing: [MonitorName: UInt64] = [:]
  private var nextID: UInt64 = 0
  private(set) var now: UInt64 = 0
  /// The child's store: never loses anything.
  private(set) var outbox: [LaneName: [SequencedReport]] = [:]
  private(set) var ended: Set<LaneName> = []
  private(set) var faults: [String] = []
  private var clock: Int64 = 1000
  var isCalm = false

  init(seed: UInt64) {
    chance = SeededGenerator(seed: seed)
    var configuration = uplinkConfiguration([hq, branch])
    configuration.memory = UplinkLane.Memory(queueReports: 40, loadReports: 15)
    configuration.timing.failoverAfter = 1000
    configuration.timing.probeInterval = 1500
    child = UplinkMachine(configuration: configuration)
    for name in [hq, branch] {
      parents[name] = Parent(table: DownlinkTable(configuration: downlinkConfiguration(name)))
    }
    obey(child.start(ms(0)))
  }

  // MARK: The child produces

  mutating func produce(_ count: Int, lane: LaneName) {
    var entries: [SequencedReport] = []
    for _ in 0..<count {
      clock += Int64(chance.number(5))
      let sequence = (outbox[lane]?.last?.sequence ?? 0) + 1 + UInt64(chance.number(3) / 2)
      let entry = report(sequence, emitted: clock + 1, lane: lane)
      outbox[lane, default: []].append(entry)
      entries.append(entry)
    }
    obey(child.append(entries, lane: lane, ms(now)))
    if chance.number(2) == 0 {
      obey(child.setWatermark(CaptureTime(nanoseconds: clock + 1), lane: lane, ms(now)))
      clock += 1
    }
  }

  mutating func closeLane(_ lane: LaneName) { obey(child.closeLane(lane, ms(now))) }

  // MARK: Time passes

  mutating func step() {
    now += 10
    if !isCalm { disturb() }
    for name in [hq, branch] {
      connect(name)
      deliverUp(name)
      work(name)
      deliverDown(name)
      confirmClose(name)
    }
    obey(child.tick(ms(now)))
    for name in [hq, branch] {
      let directives = parents[name]?.table.tick(ms(now)) ?? []
      obey(directives, at: name)
    }
  }

  private mutating func disturb() {
    let name = chance.number(2) == 0 ? hq : branch
    switch chance.number(200) {
    case 0: parents[name]?.isReachable.toggle()
    case 1, 2: cut(name, reason: "cable cut")
    case 3: crash(name)
    default: break
    }
    if parents[name]?.isReachable == false { cut(name, reason: "partition") }
  }

  mutating func heal() {
    isCalm = true
    parents[hq]?.isReachable = true
    parents[branch]?.isReachable = true
  }

  /// The parent loses everything that is not durable, and what it had heard.
  private mutating func crash(_ name: MonitorName) {
    cut(name, reason: "crash")
    parents[name]?.work = []
    parents[name]?.watermarks = [:]
    parents[name]?.table = DownlinkTable(configuration: downlinkConfiguration(name))
  }

  /// Both ends learn that the connection is gone; what was under way is lost.
  private mutating func cut(_ name: MonitorName, reason: String) {
    guard let connection = connections.removeValue(forKey: name) else { return }
    let directives = parents[name]?.table.closed(connection.id, reason: reason) ?? []
    obey(directives, at: name)
    obey(child.disconnected(name, reason: reason, ms(now)))
  }

  private mutating func connect(_ name: MonitorName) {
    guard let due = dialling[name], due <= now else { return }
    dialling[name] = nil
    guard parents[name]?.isReachable == true else {
      obey(child.disconnected(name, reason: "no route", ms(now)))
      return
    }
    nextID += 1
    let id = ConnectionID(nextID)
    connections[name] = Connection(id: id, isOpen: true)
    let directives = parents[name]?.table.opened(id, .monitor(dmz), ms(now)) ?? []
    obey(directives, at: name)
    obey(child.connected(name, ms(now)))
  }

  private mutating func confirmClose(_ name: MonitorName) {
    guard let due = closing[name], due <= now else { return }
    closing[name] = nil
    obey(child.disconnected(name, reason: "closed", ms(now)))
  }

  private mutating func deliverUp(_ name: MonitorName) {
    while let first = connections[name]?.up.first, first.due <= now,
      let id = connections[name]?.id
    {
      connections[name]?.up.removeFirst()
      let message = travelled(first.message)
      let directives = parents[name]?.table.received(id, message, ms(now)) ?? []
      obey(directives, at: name)
    }
  }

  private mutating func deliverDown(_ name: MonitorName) {
    while let first = connections[name]?.down.first, first.due <= now {
      connections[name]?.down.removeFirst()
      let message = travelled(first.message)
      obey(child.received(message, from: name, ms(now)))
    }
  }

  /// Through the coder, as on a real link.
  private mutating func travelled(_ message: LinkMessage) -> LinkMessage {
    let frame = LinkCoding.frame(message)
    let decoded = frame.dropFirst(4).withUnsafeBytes { try? LinkCoding.decode($0) }
    if decoded != message { faults.append("\(message) changed on the way") }
    return decoded ?? message
  }

  // MARK: Directives

  private mutating func obey(_ directives: [UplinkMachine.Directive]) {
    for directive in directives {
      switch directive {
      case .dial(let name):
        if connections[name] != nil || dialling[name] != nil || closing[name] != nil {
          faults.append("dialled \(name) twice")
        }
        dialling[name] = now + UInt64(chance.number(5)) * 10
      case .send(let message, let name):
        let due = max(now + UInt64(chance.number(4)) * 10, connections[name]?.up.last?.due ?? 0)
        connections[name]?.up.append((due, message))
      case .close(let name, _):
        dialling[name] = nil
        if let connection = connections.removeValue(forKey: name) {
          let output = parents[name]?.table.closed(connection.id, reason: "closed") ?? []
          obey(output, at: name)
        }
        closing[name] = now + 10
      case .load(let lane, let after, let limit):
        let entries = outbox[lane, default: []].filter { $0.sequence > after }.prefix(limit)
        obey(child.loaded(Array(entries), lane: lane, ms(now)))
      case .ended(let lane): ended.insert(lane)
      case .refused(_, let refusal): faults.append("refused: \(refusal)")
      case .acknowledged, .linked, .unlinked: break
      }
    }
  }

  private mutating func obey(_ directives: [DownlinkTable.Directive], at name: MonitorName) {
    for directive in directives {
      switch directive.action {
      case .send(let message):
        guard connections[name]?.id == directive.connection else { continue }
        let due = max(now + UInt64(chance.number(4)) * 10, connections[name]?.down.last?.due ?? 0)
        connections[name]?.down.append((due, message))
      case .close(let reason):
        guard connections[name]?.id == directive.connection else { continue }
        cut(name, reason: reason)
      case .admit, .store:
        let due = max(now + UInt64(chance.number(6)) * 10, parents[name]?.work.last?.due ?? 0)
        parents[name]?.work.append((due, directive))
        if case .store(_, let lane, let entries, _, let watermark) = directive.action {
          arrived(entries, lane, watermark, at: name)
        }
      case .heartbeat(_, let heartbeat):
        for (lane, time) in heartbeat.watermarks { raise(lane, to: time, at: name) }
      case .rejected: faults.append("rejected \(directive.action)")
      case .refused(_, let refusal): faults.append("refuses: \(refusal)")
      case .linked, .left, .control: break
      }
    }
  }

  private mutating func arrived(
    _ entries: [SequencedReport], _ lane: LaneName, _ watermark: CaptureTime, at name: MonitorName
  ) {
    let promised = parents[name]?.watermarks[lane] ?? .distantPast
    let known = Set(parents[name]?.stored[lane] ?? [])
    let waiting = Set(
      parents[name]?.work.dropLast().flatMap { work -> [UInt64] in
        guard case .store(_, lane, let entries, _, _) = work.directive.action else { return [] }
        return entries.map(\.sequence)
      } ?? [])
    for entry in entries where entry.report.emitted <= promised {
      if known.contains(entry.sequence) || waiting.contains(entry.sequence) { continue }
      faults.append(
        "\(lane) \(entry.sequence) emitted \(entry.report.emitted), promised \(promised)")
    }
    raise(lane, to: watermark, at: name)
  }

  private mutating func raise(_ lane: LaneName, to time: CaptureTime, at name: MonitorName) {
    let before = parents[name]?.watermarks[lane] ?? .distantPast
    parents[name]?.watermarks[lane] = max(before, time)
  }

  /// The store works off what is due.
  private mutating func work(_ name: MonitorName) {
    while let first = parents[name]?.work.first, first.due <= now {
      parents[name]?.work.removeFirst()
      let id = first.directive.connection
      switch first.directive.action {
      case .admit:
        let positions = parents[name]?.positions ?? [:]
        let output = parents[name]?.table.admit(id, positions: positions, ms(now)) ?? []
        obey(output, at: name)
      case .store(_, let lane, let entries, let through, let watermark):
        // A store is idempotent by sequence, as the contract of `Directive.store` demands.
        let position = parents[name]?.positions[lane] ?? 0
        let fresh = entries.map(\.sequence).filter { $0 > position }
        parents[name]?.stored[lane, default: []] += fresh
        parents[name]?.positions[lane] = max(position, through)
        if watermark == .distantFuture { parents[name]?.endedLanes.insert(lane) }
        let output = parents[name]?.table.stored(id, lane, through: through) ?? []
        obey(output, at: name)
      default: break
      }
    }
  }
}
