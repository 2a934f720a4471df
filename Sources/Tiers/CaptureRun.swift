import Analysis
import Capture
import Detection
import Foundation
import Hierarchy
import Monitoring
import Reports
import Synchronization
import Terms

/// One capture being analysed on a thread of its own, from start to end.
struct CaptureRun: Sendable {
  /// Host seconds between two attempts to open an interface that is not there.
  static let retrySeconds = 10.0
  /// How far the kernel's buffer may lag behind the host's clock: a quiet interface is believed
  /// quiet only up to this long ago.
  static let quietLag = TimeSpan.seconds(1)

  let lane: LaneName
  let input: MonitorSettings.Input
  let settings: MonitorSettings
  /// The name in reports; the file's or interface's own when nil.
  var captureName: String?
  /// The file is the monitor's own and is removed at the end.
  var isTemporary = false
  private let control = RunControl()

  init(lane: LaneName, input: MonitorSettings.Input, settings: MonitorSettings) {
    self.lane = lane
    self.input = input
    self.settings = settings
  }

  func stop() { control.isStopping.store(true, ordering: .relaxed) }

  /// Waits until the thread is through.
  func join() { control.done.wait() }

  func start(_ put: @escaping @Sendable (MonitorInput) -> Void) {
    let thread = Thread {
      run(put)
      control.done.signal()
    }
    thread.name = "capture \(lane)"
    thread.stackSize = 8 << 20
    thread.start()
  }

  private var isStopping: Bool { control.isStopping.load(ordering: .relaxed) }

  private func run(_ put: (MonitorInput) -> Void) {
    switch input {
    case .none: runBlind(put)
    case .silence:
      put(.piece(lane, LocalPiece(reports: [], watermark: .distantFuture), CaptureFigures()))
    case .interface: runLive(put)
    case .file(let path, let pace):
      playFile(path, pace, put)
      if isTemporary { unlink(path) }
    }
  }

  // MARK: Files

  private func playFile(_ path: String, _ pace: Pace, _ put: (MonitorInput) -> Void) {
    do {
      let source = try PipelineSource(
        path: path, name: captureName, setup: PipelineSetup(settings, lane: lane),
        offset: pace.offset)
      var clock = PaceClock(pace)
      var told = (figures: CaptureFigures(), watermark: CaptureTime.distantPast)
      while !isStopping, let piece = source.next() {
        clock.wait(until: source.time) { reached in
          // Time goes by in quiet hours too: nobody waits for ever for a promise that stands still.
          let promise = piece.promise(by: reached)
          if promise > told.watermark + Self.quietLag {
            told.watermark = promise
            put(.piece(lane, LocalPiece(reports: [], watermark: promise), told.figures))
          }
          return isStopping
        }
        told = (source.figures, piece.watermark)
        put(.piece(lane, piece, source.figures))
      }
      guard !isStopping else { return }
      if let fault = source.fault {
        put(.log(NodeLogEntry(.warning, "capture ends early", ["reason": "\(fault)"])))
      }
      put(.piece(lane, LocalPiece(reports: [], watermark: .distantFuture), source.figures))
      let packets = "\(source.figures.packets)"
      put(.log(NodeLogEntry(.info, "capture analysed", ["packets": packets])))
    } catch {
      put(.log(NodeLogEntry(.warning, "capture cannot be read", ["reason": "\(error)"])))
      put(
        .piece(lane, LocalPiece(reports: [], watermark: .distantFuture), CaptureFigures()))
    }
  }

  // MARK: Interfaces

  /// No packets: time goes by on the host's clock, so that a blind monitor holds nobody up.
  private func runBlind(_ put: (MonitorInput) -> Void) {
    var figures = CaptureFigures()
    figures.losses["capture.blind"] = 1
    while !isStopping {
      let now = MonitorProcess.wallClock() - Self.quietLag
      put(.piece(lane, LocalPiece(reports: [], watermark: now), figures))
      pause(seconds: 1)
    }
  }

  private func runLive(_ put: (MonitorInput) -> Void) {
    guard let capture = settings.topology.monitor(settings.monitor)?.capture else {
      put(.log(NodeLogEntry(.warning, "no interface in the topology: drills only")))
      return runBlind(put)
    }
    var isToldBlind = false
    while !isStopping {
      do {
        try LiveRun(self, capture).run(put) { isStopping }
      } catch {
        if !isToldBlind {
          put(
            .log(
              NodeLogEntry(
                .warning, "blind: the interface cannot be opened",
                ["interface": capture.interface, "reason": "\(error)"])))
          put(.piece(lane, blindReport("\(error)"), CaptureFigures()))
        }
        isToldBlind = true
        waitBlind(put)
      }
    }
  }

  private func waitBlind(_ put: (MonitorInput) -> Void) {
    var waited = 0.0
    while !isStopping, waited < Self.retrySeconds {
      let now = MonitorProcess.wallClock() - Self.quietLag
      put(.piece(lane, LocalPiece(reports: [], watermark: now), CaptureFigures()))
      pause(seconds: 1)
      waited += 1
    }
  }

  /// Quiet because blind must be said.
  private func blindReport(_ reason: String) -> LocalPiece {
    let now = MonitorProcess.wallClock()
    var report = PipelineSetup(settings, lane: lane).sink(capture: "").opening(
      .captureLoss, subject: "blind", first: now, last: now, at: now, severity: 4, confidence: 1)
    report.attributes["monitor"] = .text(settings.monitor.text)
    report.attributes["loss"] = .ratio(1)
    return LocalPiece(reports: [report], watermark: now)
  }

  private func pause(seconds: Double) {
    var left = seconds
    while left > 0, !isStopping {
      Thread.sleep(forTimeInterval: min(0.1, left))
      left -= 0.1
    }
  }
}

/// What a run shares with those who stop it.
final class RunControl: Sendable {
  let isStopping = Atomic<Bool>(false)
  let done = DispatchSemaphore(value: 0)
}

/// Holds event time back to the speed asked for.
struct PaceClock {
  private let speed: Double?
  private var origin: CaptureTime?
  private let started = MonitorProcess.hostTime()

  init(_ pace: Pace) {
    speed = pace.speed
    origin = pace.origin
  }

  /// How often `isStopping` is asked and told of the time that has come, in seconds.
  private static let step = 0.1

  /// - Parameter isStopping: given the event time that has come; whether to wait no longer.
  mutating func wait(until time: CaptureTime, unless isStopping: (CaptureTime) -> Bool) {
    guard let speed, speed > 0 else { return }
    let start = origin ?? time
    origin = start
    let due = (time - start).seconds / speed
    while true {
      let elapsed = Double(MonitorProcess.hostTime().nanoseconds &- started.nanoseconds) / 1e9
      guard elapsed < due, !isStopping(start + .seconds(elapsed * speed)) else { return }
      Thread.sleep(forTimeInterval: min(Self.step, due - elapsed))
    }
  }
}
