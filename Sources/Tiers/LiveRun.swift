import Capture
import Detection
import Hierarchy
import Monitoring
import Reports
import Terms

/// An interface going through a detection pipeline until it is stopped or fails.
struct LiveRun {
  /// Frames per turn, and how long a turn waits for the first one.
  static let framesPerTurn = 1024
  static let turnTimeout = TimeSpan.milliseconds(100)

  private let run: CaptureRun
  private let settings: CaptureSettings

  init(_ run: CaptureRun, _ settings: CaptureSettings) {
    self.run = run
    self.settings = settings
  }

  func run(_ put: (MonitorInput) -> Void, unless isStopping: () -> Bool) throws(CaptureFault) {
    var options = LiveCapture.Options()
    options.filter = settings.filter ?? ""
    options.snapLength = settings.snapLength
    options.isPromiscuous = settings.promiscuous
    options.bufferSize = settings.bufferBytes
    var capture = try LiveCapture(interface: settings.interface, options: options)
    put(.log(NodeLogEntry(.info, "capturing", ["interface": settings.interface])))
    var setup = PipelineSetup(run.settings, lane: run.lane)
    setup.seed = UInt64.random(in: .min ... .max)
    var pipeline = setup.pipeline(capture: settings.interface)
    let profiles = ProfileFile(run.settings)
    if case .refused(let reason) = profiles.load(into: &pipeline) {
      let details = ["reason": reason, "kept": profiles.setAside() ?? "no"]
      put(.log(NodeLogEntry(.warning, "profiles begin afresh", details)))
    }
    var saved = pipeline.time
    var figures = CaptureFigures()
    var losses = CaptureLossWatch(interface: settings.interface)
    var engineLosses = EngineLosses()
    while !isStopping() {
      var bytes: UInt64 = 0
      let count = try capture.read(atMost: Self.framesPerTurn, timeout: Self.turnTimeout) { frame in
        bytes &+= UInt64(frame.wireLength)
        pipeline.take(
          frame.bytes, linkType: frame.linkType, wireLength: frame.wireLength, time: frame.time)
      }
      figures.packets &+= UInt64(count)
      figures.bytes &+= bytes
      if count == 0 {
        pipeline.advance(to: MonitorProcess.wallClock() - CaptureRun.quietLag)
      } else {
        pipeline.flush()
      }
      updateLosses(&figures, capture.statistics(), pipeline.statistics.losses)
      engineLosses.update(&figures.losses, of: pipeline, hasEnded: false)
      let loss = losses.note(
        received: figures.packets, dropped: figures.losses["capture.kernel-dropped"] ?? 0,
        at: pipeline.time, setup.sink(capture: settings.interface))
      let reports = pipeline.drainReports() + (loss.map { [$0] } ?? [])
      put(
        .piece(run.lane, piece(reports, pipeline.watermark, setup, losses.share), figures))
      if saved == .distantPast { saved = pipeline.time }
      if pipeline.time - saved >= ProfileFile.spacing {
        saved = pipeline.time
        save(pipeline, profiles, put)
      }
    }
    // What the end cuts short is nothing to learn from.
    save(pipeline, profiles, put)
    pipeline.finish()
    let last = pipeline.drainReports()
    put(
      .piece(
        run.lane, piece(last, last.last?.emitted ?? .distantPast, setup, losses.share), figures))
  }

  private func save(
    _ pipeline: borrowing DetectionPipeline, _ profiles: ProfileFile,
    _ put: (MonitorInput) -> Void
  ) {
    do {
      try profiles.save(pipeline.learned())
    } catch {
      put(.log(NodeLogEntry(.warning, "profiles are not kept", ["reason": "\(error)"])))
    }
  }

  private func piece(
    _ reports: [Report], _ watermark: CaptureTime, _ setup: PipelineSetup, _ loss: Double
  ) -> LocalPiece {
    LocalPiece(
      reports: reports.map { report in
        var report = report
        report.coverage.segments = [setup.context.segment]
        report.coverage.loss = max(report.coverage.loss, loss)
        return report
      }, watermark: watermark)
  }

  private func updateLosses(
    _ figures: inout CaptureFigures, _ kernel: LiveCapture.Statistics,
    _ losses: [String: UInt64]
  ) {
    figures.losses.merge(losses) { _, new in new }
    figures.losses["capture.kernel-dropped"] = kernel.dropped
    figures.losses["capture.interface-dropped"] = kernel.interfaceDropped
  }
}
