import Analysis
import Flows
import Terms

/// What a finished flow says of a host or a service, as categories of its profile.
enum Usage {
  /// Ports from here on change with every conversation: one name stands for all of them.
  static let dynamicPorts: UInt16 = 32_768

  static let outcomes = ["answered", "refused", "unanswered", "silent", "reset"]

  /// An index into `outcomes`.
  static func outcome(_ event: UnsafePointer<FlowEvent>) -> Int {
    if event.pointee.ending == .refused { return 1 }
    if !event.pointee.isEstablished { return 2 }
    if event.pointee.ending == .reset { return 4 }
    return event.pointee.payloadOut > 0 && event.pointee.payloadIn == 0 ? 3 : 0
  }

  static let hours = (0..<24).map { "\($0) h" }

  /// The hour of the day, UTC.
  static func hour(_ time: CaptureTime) -> Int {
    let seconds = time.wholeSeconds % 86_400
    return Int((seconds < 0 ? seconds + 86_400 : seconds) / 3600)
  }

  /// A service's name: transport and port, or type for ICMP. Never 0.
  static func key(_ event: UnsafePointer<FlowEvent>) -> UInt32 {
    let isICMP = event.pointee.transport == .icmp || event.pointee.transport == .icmpv6
    var port = isICMP ? event.pointee.targetPort >> 8 : event.pointee.targetPort
    if port >= dynamicPorts { port = .max }
    return 1 << 24 | UInt32(event.pointee.transport.number) << 16 | UInt32(port)
  }

  static func serviceName(_ key: UInt32) -> String {
    let transport = TransportProtocol(number: UInt8(truncatingIfNeeded: key >> 16))
    let port = UInt16(truncatingIfNeeded: key)
    return port == .max ? "\(transport)/dynamic" : "\(transport)/\(port)"
  }

  /// A peer's name: an inside host, or the /16 of an outside one. Never 0.
  static func key(peer: IPAddress, isInside: Bool) -> UInt32 {
    guard peer.isIPv4 else {
      return UInt32(truncatingIfNeeded: TableKey(peer).hash) | 0xf000_0000
    }
    return isInside ? max(peer.v4, 1 << 16) : max(peer.v4 >> 16, 1)
  }

  static func peerName(_ key: UInt32) -> String {
    if key >= 0xf000_0000 { return "an IPv6 host" }
    return key < 1 << 16 ? "\(IPAddress(v4: key << 16))/16" : "\(IPAddress(v4: key))"
  }

  /// Amounts of data are counted in KiB.
  static func kibibytes(_ bytes: UInt64) -> Float { Float(bytes) / 1024 }
}

/// The measures of an inside host.
struct HostMeasures: Sendable {
  let layout: ProfileLayout
  let asked: ProfileLayout.Measure
  let peers: ProfileLayout.Measure
  let served: ProfileLayout.Measure
  let outcomes: ProfileLayout.Measure
  let sent: ProfileLayout.Measure
  let received: ProfileLayout.Measure
  let length: ProfileLayout.Measure
  let activity: ProfileLayout.Measure
  let hours: ProfileLayout.Measure
  let flows: Int
  let upload: Int

  /// The event distribution: the measures that an observation touches depend on these.
  private static let activities = [
    "asks over TCP", "asks over UDP", "asks over ICMP", "asks otherwise", "asks in vain",
    "serves TCP", "serves UDP", "serves otherwise",
  ]

  init() {
    var layout = ProfileLayout()
    asked = layout.add("services asked", .named)
    peers = layout.add("peers", .named)
    served = layout.add("services offered", .named)
    outcomes = layout.add("outcomes", .fixed(Usage.outcomes))
    sent = layout.add("bytes sent per flow", .bins(first: 16, unit: "bytes"))
    received = layout.add("bytes received per flow", .bins(first: 16, unit: "bytes"))
    length = layout.add("length of flows", .bins(first: 1, unit: "ms"))
    activity = layout.add("activity", .fixed(Self.activities))
    hours = layout.add("hour of the day", .cyclic(Usage.hours))
    flows = layout.addIntensity("flows", unit: "flows", floor: 64)
    upload = layout.addIntensity("data sent", unit: "KiB", floor: 1024)
    self.layout = layout
  }

  /// A flow that the host began.
  func noteAsking(
    _ event: UnsafePointer<FlowEvent>, peerIsInside: Bool, into profile: inout Profile
  ) {
    profile.note(asked, profile.category(Usage.key(event), of: asked))
    let peer = Usage.key(peer: event.pointee.target, isInside: peerIsInside)
    profile.note(peers, profile.category(peer, of: peers))
    profile.note(outcomes, Usage.outcome(event))
    if event.pointee.isEstablished {
      profile.note(sent, ProfileLayout.bin(event.pointee.payloadOut, first: 16))
      profile.note(received, ProfileLayout.bin(event.pointee.payloadIn, first: 16))
      profile.note(length, ProfileLayout.bin(Self.milliseconds(event), first: 1))
    }
    profile.note(activity, event.pointee.isEstablished ? asking(event.pointee.transport) : 4)
    finish(event, sent: event.pointee.bytesOut, &profile)
  }

  /// A flow that somebody began with the host, and that it answered.
  func noteServing(_ event: UnsafePointer<FlowEvent>, into profile: inout Profile) {
    profile.note(served, profile.category(Usage.key(event), of: served))
    let kind = event.pointee.transport == .tcp ? 5 : event.pointee.transport == .udp ? 6 : 7
    profile.note(activity, kind)
    finish(event, sent: event.pointee.bytesIn, &profile)
  }

  private func finish(
    _ event: UnsafePointer<FlowEvent>, sent bytes: UInt64, _ profile: inout Profile
  ) {
    profile.note(hours, Usage.hour(event.pointee.time))
    profile.fade(to: event.pointee.time)
    profile.add(1, to: flows)
    profile.add(Usage.kibibytes(bytes), to: upload)
  }

  private func asking(_ transport: TransportProtocol) -> Int {
    switch transport {
    case .tcp: 0
    case .udp: 1
    case .icmp, .icmpv6: 2
    default: 3
    }
  }

  static func milliseconds(_ event: UnsafePointer<FlowEvent>) -> UInt64 {
    UInt64(max(0, (event.pointee.time - event.pointee.opened).nanoseconds / 1_000_000))
  }
}

/// The measures of a service: an address and a port.
struct ServiceMeasures: Sendable {
  let layout: ProfileLayout
  let clients: ProfileLayout.Measure
  let outcomes: ProfileLayout.Measure
  let received: ProfileLayout.Measure
  let sent: ProfileLayout.Measure
  let length: ProfileLayout.Measure
  let hours: ProfileLayout.Measure
  let flows: Int
  let answers: Int

  init() {
    var layout = ProfileLayout()
    clients = layout.add("clients", .named)
    outcomes = layout.add("outcomes", .fixed(Usage.outcomes))
    received = layout.add("bytes received per flow", .bins(first: 16, unit: "bytes"))
    sent = layout.add("bytes sent per flow", .bins(first: 16, unit: "bytes"))
    length = layout.add("length of flows", .bins(first: 1, unit: "ms"))
    hours = layout.add("hour of the day", .cyclic(Usage.hours))
    flows = layout.addIntensity("flows", unit: "flows", floor: 64)
    answers = layout.addIntensity("data sent", unit: "KiB", floor: 1024)
    self.layout = layout
  }

  func note(_ event: UnsafePointer<FlowEvent>, clientIsInside: Bool, into profile: inout Profile) {
    let client = Usage.key(peer: event.pointee.source, isInside: clientIsInside)
    profile.note(clients, profile.category(client, of: clients))
    profile.note(outcomes, Usage.outcome(event))
    if event.pointee.isEstablished {
      profile.note(received, ProfileLayout.bin(event.pointee.payloadOut, first: 16))
      profile.note(sent, ProfileLayout.bin(event.pointee.payloadIn, first: 16))
      profile.note(length, ProfileLayout.bin(HostMeasures.milliseconds(event), first: 1))
    }
    profile.note(hours, Usage.hour(event.pointee.time))
    profile.fade(to: event.pointee.time)
    profile.add(1, to: flows)
    profile.add(Usage.kibibytes(event.pointee.bytesIn), to: answers)
  }
}
