import Monitoring
import Terms

/// Host time that a child allows its links, in milliseconds.
public struct UplinkTiming: Sendable, Hashable {
  public var heartbeatInterval: UInt64 = 1000
  /// Watermarks between heartbeats go at most this often.
  public var watermarkInterval: UInt64 = 20
  /// The first and the longest pause before dialling again; doubled each time.
  public var firstRedial: UInt64 = 100
  public var longestRedial: UInt64 = 10_000
  /// How long a parent may be away before the next one is dialled too.
  public var failoverAfter: UInt64 = 5000
  /// How often better parents are tried while a lesser one is in use.
  public var probeInterval: UInt64 = 10_000
  /// Time for a connection, and for the answer to the hello.
  public var greetingLimit: UInt64 = 5000
  /// A parent that says nothing for this long is gone.
  public var silenceLimit: UInt64 = 10_000

  public init() {}
}

/// One parent as the child knows it.
struct ParentLink: Sendable {
  enum Phase: Sendable, Hashable {
    case idle, dialling, greeting, active
    /// Told to close; the transport has not confirmed yet.
    case closing
  }

  let name: MonitorName
  private let timing: UplinkTiming
  private(set) var phase = Phase.idle
  private(set) var since = HostTime(nanoseconds: 0)
  private var redial: UInt64
  private(set) var isRefused = false
  var dialAfter = HostTime(nanoseconds: 0)
  var lastHeard = HostTime(nanoseconds: 0)

  init(name: MonitorName, timing: UplinkTiming) {
    self.name = name
    self.timing = timing
    redial = timing.firstRedial
  }

  mutating func enter(_ phase: Phase, _ now: HostTime) {
    self.phase = phase
    since = now
    lastHeard = now
  }

  mutating func establish(_ now: HostTime) {
    enter(.active, now)
    redial = timing.firstRedial
    isRefused = false
  }

  /// A refusal seldom heals by itself: dial again, but slowly.
  mutating func refuse() {
    isRefused = true
    redial = timing.longestRedial
  }

  /// The connection is gone: wait, longer each time.
  mutating func wait(_ now: HostTime) {
    phase = .idle
    dialAfter = now.adding(milliseconds: redial)
    redial = min(timing.longestRedial, redial &* 2)
  }
}

extension UplinkMachine {
  /// Obeys the clock: timeouts, heartbeats, dials. Call it at `nextTick`, or every 100 ms.
  public mutating func tick(_ now: HostTime) -> [Directive] {
    var output = expire(now)
    if let active, now >= heartbeatDue {
      heartbeatDue = now.adding(milliseconds: configuration.timing.heartbeatInterval)
      output.append(.send(heartbeat(), to: links[active].name))
    }
    output += pump(now)
    for index in links.indices where mayDial(index, now) {
      links[index].enter(.dialling, now)
      output.append(.dial(links[index].name))
    }
    return output
  }

  /// When `tick` next has something to do.
  public var nextTick: HostTime {
    var next = HostTime(nanoseconds: .max)
    if active != nil {
      next = min(next, heartbeatDue)
      if hasFreshWatermark { next = min(next, watermarkDue) }
    }
    for index in links.indices {
      if let limit = limit(links[index]) { next = min(next, limit) }
      if let time = dialTime(index) { next = min(next, time) }
    }
    return next
  }

  mutating func close(_ index: Int, reason: String, _ now: HostTime) -> [Directive] {
    var output: [Directive] = []
    if active == index { output.append(dropActive(reason: reason, now)) }
    links[index].enter(.closing, now)
    output.append(.close(links[index].name, reason: reason))
    return output
  }

  private mutating func expire(_ now: HostTime) -> [Directive] {
    links.indices.flatMap { index -> [Directive] in
      guard let limit = limit(links[index]), now >= limit else { return [] }
      let reason =
        switch links[index].phase {
        case .dialling: "no connection in time"
        case .greeting: "no answer to the hello in time"
        default: "silent for \(configuration.timing.silenceLimit) ms"
        }
      return close(index, reason: reason, now)
    }
  }

  private func limit(_ link: ParentLink) -> HostTime? {
    switch link.phase {
    case .idle, .closing: nil
    case .dialling, .greeting:
      link.since.adding(milliseconds: configuration.timing.greetingLimit)
    case .active: link.lastHeard.adding(milliseconds: configuration.timing.silenceLimit)
    }
  }

  private func mayDial(_ index: Int, _ now: HostTime) -> Bool {
    dialTime(index).map { now >= $0 } ?? false
  }

  /// When a parent may be dialled: the first at once, each lesser one only after the better ones
  /// were away long enough or refused; with a link in use, better ones only.
  private func dialTime(_ index: Int) -> HostTime? {
    guard links[index].phase == .idle else { return nil }
    if let active { return index < active ? links[index].dialAfter : nil }
    if links[..<index].allSatisfy(\.isRefused) { return links[index].dialAfter }
    let patience = configuration.timing.failoverAfter &* UInt64(index)
    return max(links[index].dialAfter, downSince.adding(milliseconds: patience))
  }
}
