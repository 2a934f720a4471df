import Foundation
import Monitoring
import Reports
import SwiftProtobuf
import Terms

extension Beryl_V1_Envelope {
  /// Any message but those that `LinkCoding` writes by hand.
  init(_ message: LinkMessage) {
    self.init()
    switch message {
    case .hello(let hello): self.hello = Beryl_V1_Hello(hello)
    case .welcome(let welcome):
      self.welcome.monitor = welcome.monitor.text
      for (lane, position) in welcome.positions { self.welcome.positions[lane.text] = position }
    case .refusal(let refusal):
      self.refusal.code = refusal.code.rawValue
      self.refusal.detail = cut(refusal.detail)
    case .batch, .acknowledgement, .reportsReply: break
    case .heartbeat(let heartbeat):
      self.heartbeat = Beryl_V1_Heartbeat()
      for (lane, time) in heartbeat.watermarks {
        self.heartbeat.watermarks[lane.text] = time.nanoseconds
      }
      self.heartbeat.losses = bounded(heartbeat.losses)
      self.heartbeat.isBlind = heartbeat.isBlind
    case .goodbye(let reason): goodbye.reason = cut(reason)
    case .statusRequest: statusRequest = Beryl_V1_StatusRequest()
    case .statusReply(let status): statusReply = Beryl_V1_Status(status)
    case .reportsRequest(let request):
      reportsRequest.lane = request.lane.text
      reportsRequest.after = request.after
      reportsRequest.limit = UInt32(clamping: request.limit)
      reportsRequest.classes = request.classes.map { Beryl_V1_ReportClass($0) }
        .sorted { $0.rawValue < $1.rawValue }
    case .lookupRequest(let ids):
      lookupRequest.ids = ids.map { id in
        withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { Data($0) }
      }
    case .drillBegin, .drillData, .drillDataEnd, .drillEnd, .controlReply: setDrill(message)
    }
  }

  private mutating func setDrill(_ message: LinkMessage) {
    switch message {
    case .drillBegin(let begin):
      drillBegin.lane = begin.lane.text
      if let capture = begin.capture { drillBegin.capture = capture }
      if let speed = begin.speed { drillBegin.speed = speed }
      drillBegin.offset = begin.offset.nanoseconds
    case .drillData(let data):
      drillData.lane = data.lane.text
      drillData.sequence = data.sequence
      drillData.bytes = Data(data.bytes)
    case .drillDataEnd(let lane): drillDataEnd.lane = lane.text
    case .drillEnd(let lane): drillEnd.lane = lane.text
    case .controlReply(let reply):
      controlReply.isOk = reply.isOK
      controlReply.text = cut(reply.text)
    default: break
    }
  }
}

/// At most `LinkLimit.textBytes` bytes: no Unicode scalar has more than four.
private func cut(_ text: String) -> String {
  String(text.unicodeScalars.prefix(LinkLimit.textBytes / 4))
}

/// The first `LinkLimit.counters` counters in order of name.
private func bounded(_ losses: [String: UInt64]) -> [String: UInt64] {
  guard losses.count > LinkLimit.counters else { return losses }
  let kept = losses.sorted { $0.key < $1.key }.prefix(LinkLimit.counters)
  return Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
}

extension Beryl_V1_ReportClass {
  fileprivate init(_ reportClass: ReportClass) {
    switch reportClass {
    case .detection: self = .detection
    case .evidence: self = .evidence
    case .incident: self = .incident
    }
  }
}

extension Beryl_V1_Tier {
  fileprivate init(_ tier: Tier) {
    switch tier {
    case .local: self = .local
    case .domain: self = .domain
    case .enterprise: self = .enterprise
    }
  }
}

extension Beryl_V1_Hello {
  fileprivate init(_ hello: Hello) {
    self.init()
    protocolVersion = hello.protocolVersion
    monitor = hello.monitor.text
    tier = Beryl_V1_Tier(hello.tier)
    outbox = hello.outbox
    schemaDigest = hello.schemaDigest
    kindDigests = hello.kindDigests
  }
}

extension Beryl_V1_Status {
  fileprivate init(_ status: MonitorStatus) {
    self.init()
    monitor = status.monitor.text
    tier = Beryl_V1_Tier(status.tier)
    if let parent = status.parentInUse { parentInUse = parent.text }
    lanes = status.lanes.prefix(LinkLimit.lanes).map { lane in
      var message = Lane()
      message.name = lane.name.text
      message.watermark = lane.watermark.nanoseconds
      message.received = lane.received
      message.produced = lane.produced
      message.acknowledged = lane.acknowledged
      message.spooled = lane.spooled
      message.sentBytes = lane.sentBytes
      message.sent = lane.sent
      return message
    }
    children = status.children.prefix(LinkLimit.children).map { child in
      var message = Child()
      message.name = child.name.text
      message.isConnected = child.isConnected
      message.isAlive = child.isAlive
      message.watermark = child.watermark.nanoseconds
      return message
    }
    peers = status.peers.prefix(LinkLimit.children).map { peer in
      var message = Peer()
      message.name = peer.name.text
      message.isLinked = peer.isLinked
      message.lane = peer.lane.text
      message.sent = peer.sent
      message.sentBytes = peer.sentBytes
      return message
    }
    losses = bounded(status.losses)
    packets = status.packets
    bytes = status.bytes
    uptime = status.uptime.isFinite ? status.uptime : 0
    processID = status.processID
  }
}

// MARK: Reading

extension LinkMessage {
  init(_ message: Beryl_V1_Envelope.OneOf_Message) throws(WireFault) {
    switch message {
    case .hello(let hello): self = .hello(try Hello(hello))
    case .welcome(let welcome):
      try check(welcome.positions.count, LinkLimit.lanes, "welcome.positions")
      var positions: [LaneName: UInt64] = [:]
      for (lane, position) in welcome.positions {
        positions[try laneName(lane, "welcome.positions")] = position
      }
      self = .welcome(
        Welcome(monitor: try monitorName(welcome.monitor, "welcome.monitor"), positions: positions))
    case .refusal(let refusal):
      guard let code = Refusal.Code(rawValue: refusal.code) else {
        throw WireFault(field: "refusal.code", reason: "unknown code")
      }
      self = .refusal(Refusal(code, try text(refusal.detail, "refusal.detail")))
    case .heartbeat(let heartbeat): self = .heartbeat(try Heartbeat(heartbeat))
    case .goodbye(let goodbye): self = .goodbye(reason: try text(goodbye.reason, "goodbye.reason"))
    case .statusRequest: self = .statusRequest
    case .statusReply(let status): self = .statusReply(try MonitorStatus(status))
    case .reportsRequest(let request):
      try check(Int(request.limit), LinkLimit.replyReports, "reports_request.limit")
      self = .reportsRequest(
        ReportsRequest(
          lane: try laneName(request.lane, "reports_request.lane"),
          classes: try classes(request.classes), after: request.after, limit: Int(request.limit)))
    case .lookupRequest(let request):
      try check(request.ids.count, LinkLimit.lookupReports, "lookup_request.ids")
      var ids: [ReportID] = []
      for bytes in request.ids { ids.append(try reportID(bytes, "lookup_request.ids")) }
      self = .lookupRequest(ids)
    case .batch, .acknowledgement, .reportsReply:
      throw WireFault(field: "envelope", reason: "more than one message")
    case .drillBegin, .drillData, .drillDataEnd, .drillEnd, .controlReply:
      self = try Self.drill(message)
    }
  }

  private static func drill(
    _ message: Beryl_V1_Envelope.OneOf_Message
  ) throws(WireFault) -> LinkMessage {
    switch message {
    case .drillBegin(let begin):
      let capture = begin.hasCapture ? try text(begin.capture, "drill_begin.capture") : nil
      let speed = begin.hasSpeed ? begin.speed : nil
      guard speed.map({ $0.isFinite && $0 > 0 }) ?? true else {
        throw WireFault(field: "drill_begin.speed", reason: "not a positive number")
      }
      return .drillBegin(
        DrillBegin(
          lane: try laneName(begin.lane, "drill_begin.lane"), capture: capture, speed: speed,
          offset: TimeSpan(nanoseconds: begin.offset)))
    case .drillData(let data):
      try check(data.bytes.count, LinkLimit.drillBytes, "drill_data.bytes")
      return .drillData(
        DrillData(
          lane: try laneName(data.lane, "drill_data.lane"), sequence: data.sequence,
          bytes: Array(data.bytes)))
    case .drillDataEnd(let end): return .drillDataEnd(try laneName(end.lane, "drill_data_end.lane"))
    case .drillEnd(let end): return .drillEnd(try laneName(end.lane, "drill_end.lane"))
    case .controlReply(let reply):
      return .controlReply(
        ControlReply(isOK: reply.isOk, text: try text(reply.text, "control_reply.text")))
    default: throw WireFault(field: "envelope", reason: "no drill message")
    }
  }
}

private func check(_ count: Int, _ limit: Int, _ field: String) throws(WireFault) {
  guard count <= limit else {
    throw WireFault(field: field, reason: "\(count) is more than \(limit)")
  }
}

private func classes(_ list: [Beryl_V1_ReportClass]) throws(WireFault) -> Set<ReportClass> {
  var classes: Set<ReportClass> = []
  for entry in list {
    switch entry {
    case .detection: classes.insert(.detection)
    case .evidence: classes.insert(.evidence)
    case .incident: classes.insert(.incident)
    default: throw WireFault(field: "reports_request.classes", reason: "unknown class")
    }
  }
  return classes
}

/// Sixteen bytes, as `Report.id`.
private func reportID(_ bytes: Data, _ field: String) throws(WireFault) -> ReportID {
  guard bytes.count == 16 else {
    throw WireFault(field: field, reason: "\(bytes.count) bytes, an id has 16")
  }
  let numbers = bytes.withUnsafeBytes { buffer in
    [0, 8].map { UInt64(bigEndian: buffer.loadUnaligned(fromByteOffset: $0, as: UInt64.self)) }
  }
  return ReportID(high: numbers[0], low: numbers[1])
}

private func text(_ text: String, _ field: String) throws(WireFault) -> String {
  try check(text.utf8.count, LinkLimit.textBytes, field)
  return text
}

private func laneName(_ name: String, _ field: String) throws(WireFault) -> LaneName {
  LaneName(try text(name, field))
}

private func monitorName(_ name: String, _ field: String) throws(WireFault) -> MonitorName {
  guard let name = MonitorName(name) else {
    throw WireFault(field: field, reason: "no monitor's name")
  }
  return name
}

private func knownTier(_ tier: Beryl_V1_Tier, _ field: String) throws(WireFault) -> Tier {
  switch tier {
  case .local: .local
  case .domain: .domain
  case .enterprise: .enterprise
  default: throw WireFault(field: field, reason: "no tier has number \(tier.rawValue)")
  }
}

private func counters(
  _ losses: [String: UInt64], _ field: String
) throws(WireFault) -> [String: UInt64] {
  try check(losses.count, LinkLimit.counters, field)
  for name in losses.keys { _ = try text(name, field) }
  return losses
}

extension Hello {
  fileprivate init(_ hello: Beryl_V1_Hello) throws(WireFault) {
    try check(hello.kindDigests.count, LinkLimit.kinds, "hello.kind_digests")
    for (kind, digest) in hello.kindDigests {
      _ = try text(kind, "hello.kind_digests")
      _ = try text(digest, "hello.kind_digests")
    }
    self.init(
      protocolVersion: hello.protocolVersion,
      monitor: try monitorName(hello.monitor, "hello.monitor"),
      tier: try knownTier(hello.tier, "hello.tier"), outbox: hello.outbox,
      schemaDigest: try text(hello.schemaDigest, "hello.schema_digest"),
      kindDigests: hello.kindDigests)
  }
}

extension Heartbeat {
  fileprivate init(_ heartbeat: Beryl_V1_Heartbeat) throws(WireFault) {
    try check(heartbeat.watermarks.count, LinkLimit.lanes, "heartbeat.watermarks")
    self.init(
      losses: try counters(heartbeat.losses, "heartbeat.losses"), isBlind: heartbeat.isBlind)
    for (lane, time) in heartbeat.watermarks {
      watermarks[try laneName(lane, "heartbeat.watermarks")] = CaptureTime(nanoseconds: time)
    }
  }
}

extension MonitorStatus {
  fileprivate init(_ status: Beryl_V1_Status) throws(WireFault) {
    try check(status.lanes.count, LinkLimit.lanes, "status.lanes")
    try check(status.children.count, LinkLimit.children, "status.children")
    try check(status.peers.count, LinkLimit.children, "status.peers")
    guard status.uptime.isFinite else {
      throw WireFault(field: "status.uptime", reason: "not a finite number")
    }
    self.init(
      monitor: try monitorName(status.monitor, "status.monitor"),
      tier: try knownTier(status.tier, "status.tier"),
      parentInUse: status.hasParentInUse
        ? try monitorName(status.parentInUse, "status.parent_in_use") : nil,
      losses: try counters(status.losses, "status.losses"), packets: status.packets,
      bytes: status.bytes, uptime: status.uptime, processID: status.processID)
    for lane in status.lanes {
      lanes.append(
        Lane(
          name: try laneName(lane.name, "status.lanes"),
          watermark: CaptureTime(nanoseconds: lane.watermark), received: lane.received,
          produced: lane.produced, acknowledged: lane.acknowledged, spooled: lane.spooled,
          sentBytes: lane.sentBytes, sent: lane.sent))
    }
    for peer in status.peers {
      peers.append(
        Peer(
          name: try monitorName(peer.name, "status.peers"), isLinked: peer.isLinked,
          lane: try laneName(peer.lane, "status.peers"), sent: peer.sent,
          sentBytes: peer.sentBytes))
    }
    for child in status.children {
      children.append(
        Child(
          name: try monitorName(child.name, "status.children"), isConnected: child.isConnected,
          isAlive: child.isAlive, watermark: CaptureTime(nanoseconds: child.watermark)))
    }
  }
}
