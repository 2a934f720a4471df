import Analysis
import Flows
import Reports
import Terms

/// EMERALD's statistical profiler (eStat, after NIDES): what inside hosts and services usually do
/// against what they have done lately.
///
/// Javitz & Valdes, "The NIDES Statistical Component", SRI 1993; Porras & Valdes, "Live Traffic
/// Analysis of TCP/IP Gateways", NDSS 1998. The formulas stand in `Profile`, `CategoryMix` and
/// `TailHistogram`. A profile takes weeks of event time to train and is silent until then; nothing
/// is learned of a subject while an attack on it, or by it, is open.
///
/// One flow that ends is one observation; larger pieces of flows that go on are counted as data. A
/// host's profile takes about 6.5 KB, a service's 5 KB.
struct UsageProfiles: FlowReader {
  /// Payload-bearing bytes of one `progress` below which it is not worth a look.
  private static let leastProgress: UInt64 = 16_384

  let inside: AddressRanges
  let home: AddressRanges
  let reporter: ProfileReporter
  let thaw: TimeSpan
  let host = HostMeasures()
  let service = ServiceMeasures()
  var hosts: ProfileSubjects
  var services: ProfileSubjects
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    let known = context.prefixes.isEmpty ? context.home : context.prefixes
    inside = known.isEmpty ? AddressRanges.privateUse : AddressRanges(known)
    let site = context.home + context.prefixes
    home = site.isEmpty ? AddressRanges.privateUse : AddressRanges(site)
    reporter = ProfileReporter(
      training: ProfileTraining(limits), scoreLimit: limits[Self.score],
      patience: limits.span(Self.patienceLimit))
    thaw = limits.span(Self.thawLimit)
    func subjects(_ layout: ProfileLayout, _ limit: EngineLimit) -> ProfileSubjects {
      ProfileSubjects(
        layout, capacity: limits.count(limit), candidates: limits.count(Self.candidates),
        worthFlows: limits.count(Self.worthFlows), worthHours: limits.count(Self.worthHours))
    }
    hosts = subjects(host.layout, Self.hostLimit)
    services = subjects(service.layout, Self.serviceLimit)
  }

  var interest: EventClasses { .flow(.progress, .closed) }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    switch event.pointee.kind {
    case .closed:
      if event.pointee.ending != .captureEnded { observe(event) }
    case .progress:
      if event.pointee.ending == .none,
        event.pointee.bytesOut &+ event.pointee.bytesIn >= Self.leastProgress
      {
        addData(event)
      }
    default: break
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for index in hosts.endEpoch() {
      reporter.judge(&hosts, index, .host, at: now, into: &sink)
    }
    for index in services.endEpoch() {
      reporter.judge(&services, index, .service, at: now, into: &sink)
    }
    nextDeadline = .distantFuture
    scheduleEpoch(after: now)
  }

  private mutating func scheduleEpoch(after now: CaptureTime) {
    guard nextDeadline == .distantFuture, !(hosts.isIdle && services.isIdle) else { return }
    nextDeadline = now.epochStart(Profile.epoch) + Profile.epoch
  }
}

// MARK: - Observations

extension UsageProfiles {
  @inline(__always) private mutating func observe(_ event: UnsafePointer<FlowEvent>) {
    let clientIsHome = home.contains(event.pointee.source)
    if inside.contains(event.pointee.source) {
      let index = hosts.meet(
        TableKey(event.pointee.source), isProven: event.pointee.isEstablished,
        at: event.pointee.time)
      if index >= 0, wake(host: index, event) {
        host.noteAsking(
          event, peerIsInside: home.contains(event.pointee.target), into: &hosts[index].profile)
      }
    }
    guard inside.contains(event.pointee.target), !event.pointee.target.isMulticast else { return }
    if event.pointee.isEstablished {
      let index = hosts.meet(TableKey(event.pointee.target), isProven: true, at: event.pointee.time)
      if index >= 0, wake(host: index, event) {
        host.noteServing(event, into: &hosts[index].profile)
      }
    }
    guard let key = serviceKey(event) else { return }
    let index = services.meet(key, isProven: event.pointee.isEstablished, at: event.pointee.time)
    if index >= 0, wake(service: index, event) {
      service.note(event, clientIsInside: clientIsHome, into: &services[index].profile)
    }
  }

  /// Part of a flow that goes on: its data counts now, the rest when it ends.
  private mutating func addData(_ event: UnsafePointer<FlowEvent>) {
    add(event.pointee.bytesOut, from: event.pointee.source, event)
    add(event.pointee.bytesIn, from: event.pointee.target, event)
    guard event.pointee.bytesIn > 0, let key = serviceKey(event) else { return }
    let index = services.find(key)
    guard index >= 0, wake(service: index, event) else { return }
    services[index].profile.fade(to: event.pointee.time)
    services[index].profile.add(Usage.kibibytes(event.pointee.bytesIn), to: service.answers)
  }

  private mutating func add(
    _ bytes: UInt64, from address: IPAddress, _ event: UnsafePointer<FlowEvent>
  ) {
    guard bytes > 0, inside.contains(address) else { return }
    let index = hosts.find(TableKey(address))
    guard index >= 0, wake(host: index, event) else { return }
    hosts[index].profile.fade(to: event.pointee.time)
    hosts[index].profile.add(Usage.kibibytes(bytes), to: host.upload)
  }

  private func serviceKey(_ event: UnsafePointer<FlowEvent>) -> TableKey? {
    guard event.pointee.transport == .tcp || event.pointee.transport == .udp,
      event.pointee.targetPort < Usage.dynamicPorts
    else { return nil }
    return Self.key(event.pointee.target, event.pointee.targetPort, event.pointee.transport)
  }

  static func key(
    _ address: IPAddress, _ port: UInt16, _ transport: TransportProtocol
  ) -> TableKey {
    TableKey(address, detail: UInt64(transport.number) << 16 | UInt64(port))
  }

  /// false while the subject's profile is frozen.
  private mutating func wake(host index: Int, _ event: UnsafePointer<FlowEvent>) -> Bool {
    Self.wake(&hosts, index, event, ageing: reporter.training.ageing) && started(event)
  }

  private mutating func wake(service index: Int, _ event: UnsafePointer<FlowEvent>) -> Bool {
    Self.wake(&services, index, event, ageing: reporter.training.ageing) && started(event)
  }

  private mutating func started(_ event: UnsafePointer<FlowEvent>) -> Bool {
    scheduleEpoch(after: event.pointee.time)
    return true
  }

  private static func wake(
    _ subjects: inout ProfileSubjects, _ index: Int, _ event: UnsafePointer<FlowEvent>,
    ageing: Double
  ) -> Bool {
    if subjects[index].profile.isFrozen(at: event.pointee.time) { return false }
    if !subjects[index].isActive {
      subjects.activate(index, at: event.pointee.time, ageing: ageing)
    }
    subjects[index].packets[subjects[index].cursor & 3] = event.pointee.firstPacket
    subjects[index].cursor &+= 1
    return true
  }
}

// MARK: - Limits

extension UsageProfiles {
  static let hostLimit = EngineLimit(
    "profile.hosts", 1024, .count, "Inside hosts with a profile of their own; 6.5 KB each.")
  static let serviceLimit = EngineLimit(
    "profile.services", 1024, .count, "Services with a profile of their own; 5 KB each.")
  static let candidates = EngineLimit(
    "profile.candidates", 8192, .count,
    "Hosts, and services, remembered until they are worth a profile.")
  static let worthFlows = EngineLimit(
    "profile.worth-flows", 200, .count, "Answered flows after which a subject is worth a profile.")
  static let worthHours = EngineLimit(
    "profile.worth-hours", 6, .count, "Distinct hours of activity that it takes as well.")
  static let categoryTime = EngineLimit(
    "profile.category-time", 604_800, .duration,
    "Event time for which a profile learns what is usual: the first phase of training.")
  static let observations = EngineLimit(
    "profile.observations", 1000, .count, "Flows that the first phase of training takes as well.")
  static let tailTime = EngineLimit(
    "profile.tail-time", 345_600, .duration,
    "Event time for which it learns how far each measure usually strays: the second phase.")
  static let sumTime = EngineLimit(
    "profile.sum-time", 259_200, .duration,
    "Event time for which it learns how far all of them do: the third phase.")
  static let epochs = EngineLimit(
    "profile.epochs", 600, .count, "Active minutes that each of these two phases takes as well.")
  static let ageingLimit = EngineLimit(
    "profile.half-life", 2_592_000, .duration,
    "Time after which what was usual counts half; applied once a day.")
  static let score = EngineLimit(
    "profile.score", 6, .count,
    "Evidence for a report above informational: 2 for a red minute, 1 for a yellow one.")
  static let patienceLimit = EngineLimit(
    "profile.patience", 86_400, .duration,
    "How long a reported change is not learned; then it is what the subject does now.")
  static let thawLimit = EngineLimit(
    "profile.thaw", 1800, .duration,
    "Least time for which nothing is learned after a report of an attack on or by a subject.")
  static let limits = [
    hostLimit, serviceLimit, candidates, worthFlows, worthHours, categoryTime, observations,
    tailTime, sumTime, epochs, ageingLimit, score, patienceLimit, thawLimit,
  ]
}

extension ProfileTraining {
  init(_ limits: LimitTable) {
    self.init()
    categoryTime = limits.span(UsageProfiles.categoryTime)
    observations = UInt64(max(limits.count(UsageProfiles.observations), 1))
    tailTime = limits.span(UsageProfiles.tailTime)
    sumTime = limits.span(UsageProfiles.sumTime)
    epochs = UInt64(max(limits.count(UsageProfiles.epochs), 1))
    ageing = 86_400 / max(limits.span(UsageProfiles.ageingLimit).seconds, 3600)
  }
}

extension UsageProfiles: LossCounting {
  var losses: UInt64 { hosts.losses &+ services.losses }
}
