import Capture
import Foundation
import Hierarchy
import Links
import Monitoring
import Synchronization
import Terms

/// The captures that a local monitor analyses: its live one, and one per drill; each on a thread of
/// its own.
final class CaptureRuns: Sendable {
  /// Pieces that may wait for the monitor's loop before the captures pause.
  static let waitingLimit = 64
  /// The longest capture that a drill may bring, in bytes.
  static let drillByteLimit: UInt64 = 4 << 30

  /// A drill's capture on its way in.
  private struct Incoming {
    var begin: DrillBegin
    var file: FileHandle
    var path: String
    var nextSequence: UInt64 = 0
    var bytes: UInt64 = 0
  }

  private struct State {
    var runs: [LaneName: CaptureRun] = [:]
    var incoming: [LaneName: Incoming] = [:]
    var drillCount = 0
  }

  private let settings: MonitorSettings
  private let mailbox: Mailbox<MonitorInput>
  private let room = DispatchSemaphore(value: CaptureRuns.waitingLimit)
  private let state = Mutex(State())

  init(settings: MonitorSettings, mailbox: Mailbox<MonitorInput>) {
    self.settings = settings
    self.mailbox = mailbox
  }

  /// The loop has handled a piece.
  func handled() { room.signal() }

  func startLive() {
    start(CaptureRun(lane: .live, input: settings.input, settings: settings))
  }

  /// Obeys an operator's drill message and answers it.
  func drill(_ message: LinkMessage, for connection: ConnectionID) {
    let answer: ControlReply
    do {
      answer = ControlReply(isOK: true, text: try take(message))
    } catch {
      answer = ControlReply(isOK: false, text: "\(error)")
    }
    mailbox.put(.reply(connection, .controlReply(answer)))
  }

  /// Stops a drill's analysis and forgets its capture.
  func end(_ lane: LaneName) {
    let (run, incoming) = state.withLock { state in
      (state.runs.removeValue(forKey: lane), state.incoming.removeValue(forKey: lane))
    }
    run?.stop()
    if let incoming {
      try? incoming.file.close()
      unlink(incoming.path)
    }
  }

  /// Stops every capture; what they have found so far is in the mailbox afterwards.
  func stop() {
    let runs = state.withLock { state in
      defer { state.runs = [:] }
      return Array(state.runs.values)
    }
    for run in runs {
      run.stop()
      // Nobody handles pieces any more: let a waiting thread go.
      for _ in 0..<Self.waitingLimit { room.signal() }
      run.join()
    }
  }

  // MARK: Drills

  private func take(_ message: LinkMessage) throws -> String {
    switch message {
    case .drillBegin(let begin): try begin.capture == nil ? silent(begin) : open(begin)
    case .drillData(let data): try append(data)
    case .drillDataEnd(let lane): try finish(lane)
    default: throw DrillFault.unexpected
    }
  }

  private func silent(_ begin: DrillBegin) -> String {
    mailbox.put(
      .piece(begin.lane, LocalPiece(reports: [], watermark: .distantFuture), CaptureFigures()))
    return "no capture for this segment"
  }

  private func open(_ begin: DrillBegin) throws -> String {
    let number = state.withLock { state in
      state.drillCount += 1
      return state.drillCount
    }
    let path = settings.stateDirectory + "/\(settings.monitor)-drill-\(number).capture"
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let file = FileHandle(forWritingAtPath: path)
    else { throw DrillFault.notWritable(path) }
    state.withLock { $0.incoming[begin.lane] = Incoming(begin: begin, file: file, path: path) }
    return "waiting for \(begin.capture ?? "the capture")"
  }

  private func append(_ data: DrillData) throws -> String {
    guard var incoming = state.withLock({ $0.incoming[data.lane] }) else {
      throw DrillFault.unexpected
    }
    guard data.sequence == incoming.nextSequence else {
      throw DrillFault.gap(expected: incoming.nextSequence, found: data.sequence)
    }
    incoming.bytes += UInt64(data.bytes.count)
    guard incoming.bytes <= Self.drillByteLimit else { throw DrillFault.tooLong }
    try incoming.file.write(contentsOf: data.bytes)
    incoming.nextSequence += 1
    let changed = incoming
    state.withLock { $0.incoming[data.lane] = changed }
    return "\(incoming.bytes) bytes"
  }

  private func finish(_ lane: LaneName) throws -> String {
    guard let incoming = state.withLock({ $0.incoming.removeValue(forKey: lane) }) else {
      throw DrillFault.unexpected
    }
    try incoming.file.close()
    let pace = Pace(speed: incoming.begin.speed, origin: nil, offset: incoming.begin.offset)
    var run = CaptureRun(
      lane: lane, input: .file(path: incoming.path, pace: pace), settings: settings)
    run.captureName = incoming.begin.capture
    run.isTemporary = true
    start(run)
    return "analysing \(incoming.bytes) bytes"
  }

  // MARK: Threads

  private func start(_ run: CaptureRun) {
    state.withLock { $0.runs[run.lane] = run }
    run.start { [mailbox, room] input in
      if case .piece = input { room.wait() }
      mailbox.put(input)
    }
  }
}

/// Why a drill's capture is not taken.
enum DrillFault: Error, CustomStringConvertible {
  case unexpected
  case notWritable(String)
  case gap(expected: UInt64, found: UInt64)
  case tooLong

  var description: String {
    switch self {
    case .unexpected: "no capture of this drill is expected here"
    case .notWritable(let path): "cannot write \(path)"
    case .gap(let expected, let found): "piece \(found) came where \(expected) was due"
    case .tooLong: "the capture is longer than \(CaptureRuns.drillByteLimit) bytes"
    }
  }
}
