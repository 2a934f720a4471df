import Analysis
import Packets
import Reports
import Terms
import Testing

@testable import Detection
@testable import Flows

/// Session events made by hand and what one engine says of them.
struct SessionStory<Engine: AnalysisEngine<SessionEvent>> {
  var engine: Engine
  var sink: ReportSink
  var client = "203.0.113.5"
  var server = "10.10.1.10"
  var clientPort: UInt16 = 40_000
  var serverPort: UInt16 = 80
  var transport = TransportProtocol.tcp
  private(set) var clock = CaptureTime(seconds: 1000)
  private var packet: UInt64 = 0
  /// Whose turn it is on a connection of no known protocol.
  private var turn: (port: UInt16, isFromClient: Bool, number: Int) = (0, true, 0)

  init(_ engine: Engine, port: UInt16 = 80) throws {
    self.engine = engine
    serverPort = port
    sink = ReportSink(monitor: try #require(MonitorName("story")), tier: .local)
  }

  mutating func wait(_ seconds: Double) { clock = clock + .seconds(seconds) }

  mutating func tell(_ what: SessionEvent.Content, fromClient: Bool = true) throws {
    packet += 1
    let (client, server) = (try #require(IPAddress(client)), try #require(IPAddress(server)))
    let event = SessionEvent(
      time: clock, packet: packet, firstPacket: packet, opened: clock, client: client,
      server: server, clientPort: clientPort, serverPort: serverPort, transport: transport,
      sender: fromClient ? client : server, what: what)
    withUnsafePointer(to: event) {
      engine.analyse(batch: UnsafeBufferPointer(start: $0, count: 1), into: &sink)
    }
  }

  /// A request and its answer, on a connection of their own.
  mutating func ask(
    _ head: String, body: String = "", status: Int = 200, location: String = "",
    length: UInt64 = 100, answer: String = ""
  ) throws {
    clientPort &+= 1
    let request = HTTPRequest(head: head, body: body)
    try tell(.http(request))
    var response = HTTPResponse()
    response.status = status
    response.requestMethod = request.method
    response.requestTarget = Array(request.target)
    response.requestWasAuthorized = !request.authorization.isEmpty
    response.contentLength = length
    response.head = Array("HTTP/1.1 \(status) X\r\nLocation: \(location)".utf8)
    response.locationRange = (response.head.count - location.utf8.count)..<response.head.count
    response.body = Array(answer.utf8)
    wait(0.01)
    try tell(.httpResponse(response), fromClient: false)
  }

  /// A command line and the server's answer.
  mutating func line(
    _ verb: String, _ argument: String = "", code: Int = 250, _ text: String = "",
    length: Int? = nil
  ) throws {
    var command = ClientCommand()
    command.verb = verb
    command.argument = Array(argument.utf8.prefix(ClientCommand.argumentLimit))
    command.length = length ?? verb.utf8.count + 1 + argument.utf8.count
    command.number = 3
    command.carriesPassword = verb == "PASS"
    var reply = ServerReply()
    reply.code = code
    reply.outcome = code >= 400 ? .negative : code >= 300 ? .intermediate : .positive
    reply.verb = verb
    reply.text = Array(text.utf8)
    reply.endsLogin = verb == "PASS"
    switch serverPort {
    case 25:
      try tell(.smtp(command))
      try tell(.smtpReply(reply), fromClient: false)
    case 110:
      try tell(.pop(command))
      try tell(.popReply(reply), fromClient: false)
    default:
      try tell(.ftp(command))
      try tell(.ftpReply(reply), fromClient: false)
    }
  }

  /// One turn of a conversation that no parser knows.
  mutating func say(_ text: String, fromClient: Bool) throws {
    try say(Array(text.utf8), fromClient: fromClient)
  }

  mutating func say(_ bytes: [UInt8], fromClient: Bool) throws {
    var sample = PayloadSample()
    sample.isFromClient = fromClient
    if turn.port != clientPort { turn = (clientPort, fromClient, 0) }
    if turn.isFromClient != fromClient { turn = (clientPort, fromClient, turn.number + 1) }
    sample.turn = turn.number
    sample.bytes = Array(bytes.prefix(PayloadSample.limit))
    try tell(.payload(sample), fromClient: fromClient)
  }

  mutating func finish() -> [Report] {
    engine.runDeadlines(through: .distantFuture, into: &sink)
    return Lab.newest(sink.drain())
  }
}

extension HTTPRequest {
  /// `METHOD target` and further lines of the head.
  init(head text: String, body: String = "") {
    self.init()
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let first = lines[0].split(separator: " ", maxSplits: 1)
    method = String(first[0])
    let target = first.count > 1 ? String(first[1]) : "/"
    head = Array("\(method) \(target) HTTP/1.1".utf8)
    targetRange = (method.utf8.count + 1)..<(method.utf8.count + 1 + target.utf8.count)
    for line in lines.dropFirst() {
      head += Array("\r\n\(line)".utf8)
      let name = line.prefix { $0 != ":" }
      let start = head.count - line.utf8.count + name.utf8.count + 2
      let range = min(start, head.count)..<head.count
      switch name.lowercased() {
      case "user-agent": userAgentRange = range
      case "referer": refererRange = range
      case "content-type": contentTypeRange = range
      case "authorization": authorizationRange = range
      default: break
      }
    }
    headLength = head.count
    longestLine = head.split(separator: 0x0a).map(\.count).max() ?? 0
    isComplete = true
    self.body = Array(body.utf8)
  }
}
