import Archive
import Hierarchy
import Links
import Logging
import Metrics
import Monitoring
import Reports
import Terms

#if canImport(Glibc)
  import Glibc
#endif

/// The one loop of a monitor's process: takes inputs, asks the node, obeys its directives.
struct MonitorLoop {
  private var node: MonitorNode
  private let settings: MonitorSettings
  private let logger: Logger
  private let mailbox: Mailbox<MonitorInput>
  private let archive: ReportArchive
  private let client: LinkClient
  private let server: LinkServer?
  private let captures: CaptureRuns
  private let started = MonitorProcess.hostTime()
  /// Connections to parents, both ways.
  private var uplinks: [MonitorName: ConnectionID] = [:]
  private var parents: [ConnectionID: MonitorName] = [:]
  private var figures: [LaneName: CaptureFigures] = [:]
  private var isStopping = false
  /// Connections of the messages handled since `obey`.
  private var handled: [ConnectionID] = []
  private let producedMetric: Metrics.Counter
  private let receivedMetric: Metrics.Counter

  init(
    settings: MonitorSettings, logger: Logger, mailbox: Mailbox<MonitorInput>
  ) async throws {
    self.settings = settings
    self.logger = logger
    self.mailbox = mailbox
    let name = settings.monitor
    guard var configuration = NodeConfiguration(topology: settings.topology, monitor: name),
      let definition = settings.topology.monitor(name)
    else { throw StartFault.unknownMonitor(name) }
    let credentials = try LinkCredentials.load(
      directory: settings.pkiDirectory, name: name.text)
    if let warning = credentials.expiryWarning() { logger.warning("\(warning)") }
    archive = try ReportArchive(settings.stateDirectory + "/\(name).sqlite")
    configuration.sequenceBase = UInt64(max(0, MonitorProcess.wallClock().nanoseconds / 1000))
    client = try LinkClient(credentials: credentials) { mailbox.put(.client($0)) }
    if let listen = definition.listen {
      server = try await LinkServer.listen(
        host: listen.host, port: Int(listen.port), credentials: credentials, isPaced: true
      ) { mailbox.put(.server($0)) }
    } else {
      server = nil
    }
    captures = CaptureRuns(settings: settings, mailbox: mailbox)
    let labels = [("monitor", name.text)]
    producedMetric = Metrics.Counter(label: "beryl_reports_produced", dimensions: labels)
    receivedMetric = Metrics.Counter(label: "beryl_reports_received", dimensions: labels)
    node = try MonitorNode(configuration, from: archive, MonitorProcess.hostTime())
    let listening = definition.listen.map { "\($0)" } ?? "nowhere"
    logger.info("ready", metadata: ["tier": "\(definition.tier)", "listen": "\(listening)"])
  }

  mutating func run() async throws {
    if node.configuration.tier == .local { captures.startLive() }
    try obey()
    while !isStopping {
      for input in await mailbox.takeAll() { handle(input) }
      try obey()
    }
    captures.stop()
    // Pieces that the captures left before they stopped are still ours to keep.
    for input in await drainedInputs() { handle(input) }
    node.stop(MonitorProcess.hostTime())
    try obey()
    await client.stop()
    await server?.stop()
    logger.info("stopped")
  }

  private func drainedInputs() async -> [MonitorInput] {
    mailbox.put(.tick)
    return await mailbox.takeAll()
  }

  // MARK: Inputs

  private mutating func handle(_ input: MonitorInput) {
    let now = MonitorProcess.hostTime()
    switch input {
    case .server(.opened(let id, let identity)): node.childOpened(id, identity, now)
    case .server(.received(let id, let message)):
      node.childSaid(message, id, now)
      handled.append(id)
    case .server(.closed(let id, let fault)):
      node.childClosed(id, reason: "\(fault)", now)
      logFault(fault, "peer")
    case .client(let event): handle(event, now)
    case .piece(let lane, let piece, let newFigures):
      figures[lane] = newFigures
      for (name, count) in newFigures.losses { node.setCounter(name, count) }
      node.produced(piece.reports, lane: lane, watermark: piece.watermark, now)
      captures.handled()
    case .tick: node.tick(now)
    case .reply(let id, let message): server?.send(message, on: id)
    case .log(let entry): log(entry)
    case .stop: isStopping = true
    }
  }

  private mutating func handle(_ event: LinkTransportEvent, _ now: HostTime) {
    switch event {
    case .opened(let id, _):
      if let parent = parents[id] { node.parentOpened(parent, now) }
    case .received(let id, let message):
      if let parent = parents[id] { node.parentSaid(message, parent, now) }
    case .closed(let id, let fault):
      guard let parent = parents.removeValue(forKey: id) else { return }
      if uplinks[parent] == id { uplinks[parent] = nil }
      node.parentClosed(parent, reason: "\(fault)", now)
      logger.debug("link closed", metadata: ["parent": "\(parent)", "reason": "\(fault)"])
    }
  }

  /// A peer that could not come in is worth a line; one that left is told by the node.
  private func logFault(_ fault: LinkFault, _ side: String) {
    switch fault {
    case .tls, .noIdentity, .wrongPeer, .malformed, .oversizedFrame:
      logger.warning("link refused", metadata: ["reason": "\(fault)"])
    default: logger.debug("link closed", metadata: [.init(side): "\(fault)"])
    }
  }

  // MARK: Directives

  private mutating func obey() throws {
    // What was stored is behind us: only now may more be read.
    defer {
      for id in handled { server?.handled(id) }
      handled.removeAll(keepingCapacity: true)
    }
    while true {
      let directives = node.takeDirectives()
      guard !directives.isEmpty else { return }
      if directives.contains(where: \.changesStore) {
        try archive.transaction { archive in
          for directive in directives { try store(directive, archive) }
        }
      }
      for directive in directives { try carryOut(directive) }
    }
  }

  private func store(_ directive: NodeDirective, _ archive: ReportArchive) throws {
    switch directive {
    case .storeProduced(let reports, let lane):
      try archive.appendProduced(reports, lane: lane)
      producedMetric.increment(by: Int64(reports.count))
    case .storeReceived(
      let reports, let child, let lane, let through, let watermark, let reached):
      try archive.appendReceived(
        reports, from: child, lane: lane, through: through, watermark: watermark,
        reached: reached)
      receivedMetric.increment(by: Int64(reports.count))
    case .storeCheckpoint(let lane, let bytes):
      try archive.saveCheckpoint(bytes, lane: lane)
    case .storeAcknowledged(let lane, let through):
      try archive.acknowledge(lane: lane, through: through)
    case .release(let lane): try archive.release(lane: lane)
    default: break
    }
  }

  private mutating func carryOut(_ directive: NodeDirective) throws {
    switch directive {
    case .load(let lane, let after, let limit, let peer):
      let entries = try archive.unacknowledged(lane: lane, after: after, limit: limit)
      node.loaded(entries, lane: lane, peer: peer, MonitorProcess.hostTime())
    case .dial(let parent): dial(parent)
    case .sendUp(let message, let parent):
      if let id = uplinks[parent] { client.send(message, on: id) }
    case .closeUp(let parent, let reason):
      if let id = uplinks[parent] { client.close(id, reason: reason) }
    case .sendDown(.statusReply(let status), let id):
      server?.send(.statusReply(completed(status)), on: id)
    case .sendDown(let message, let id): server?.send(message, on: id)
    case .closeDown(let id, let reason): server?.close(id, reason: reason)
    case .drill(let message, let id): captures.drill(message, for: id)
    case .drillOver(let lane): captures.end(lane)
    case .fetch(let request, let id): try fetch(request, id)
    case .lookUp(let ids, let id): try lookUp(ids, id)
    case .log(let entry): log(entry)
    default: break
    }
  }

  private mutating func dial(_ parent: MonitorName) {
    let now = MonitorProcess.hostTime()
    guard let listen = settings.topology.monitor(parent)?.listen else {
      return node.parentClosed(parent, reason: "'\(parent)' listens nowhere", now)
    }
    let id = client.dial(
      host: listen.host, port: Int(listen.port), expecting: .monitor(parent))
    uplinks[parent] = id
    parents[id] = parent
  }

  private func fetch(_ request: ReportsRequest, _ id: ConnectionID) throws {
    let page = try archive.own(
      lane: request.lane, classes: request.classes, after: request.after,
      limit: min(max(1, request.limit), LinkLimit.replyReports), bytes: LinkLimit.reportBytes)
    server?.send(
      .reportsReply(ReportsReply(lane: request.lane, entries: page.entries, next: page.next)),
      on: id)
  }

  private func lookUp(_ ids: [ReportID], _ id: ConnectionID) throws {
    var found: [ReportID: Report] = [:]
    for held in try archive.reports(Set(ids)) { found[held.report.id] = held.report }
    var reply = ReportsReply(lane: .live, entries: [], next: nil)
    var size = 0
    for (place, wanted) in ids.enumerated() {
      guard let report = found[wanted] else { continue }
      let length = ReportCoding.sizeEstimate(report)
      guard length <= LinkLimit.reportBytes else { continue }
      size += length
      guard size <= LinkLimit.reportBytes else {
        reply.next = UInt64(place)
        break
      }
      reply.entries.append(SequencedReport(sequence: 0, report: report))
    }
    server?.send(.reportsReply(reply), on: id)
  }

  private func completed(_ status: MonitorStatus) -> MonitorStatus {
    var status = status
    for lane in figures.values {
      status.packets += lane.packets
      status.bytes += lane.bytes
    }
    let elapsed = MonitorProcess.hostTime().nanoseconds &- started.nanoseconds
    status.uptime = Double(elapsed) / 1e9
    status.processID = getpid()
    return status
  }

  private func log(_ entry: NodeLogEntry) {
    let metadata = Logger.Metadata(
      uniqueKeysWithValues: entry.fields.map { ($0.key, .string($0.value)) })
    logger.log(level: entry.level == .info ? .info : .warning, "\(entry.text)", metadata: metadata)
  }
}

/// Why a monitor cannot start.
public enum StartFault: Error, CustomStringConvertible {
  case unknownMonitor(MonitorName)

  public var description: String {
    switch self {
    case .unknownMonitor(let name): "the topology has no monitor '\(name)'"
    }
  }
}
