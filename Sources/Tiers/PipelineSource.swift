import Capture
import Detection
import Flows
import Reports
import Terms

/// A capture file going through a detection pipeline, piece by piece.
public final class PipelineSource: LocalSource {
  /// Frames per piece: small enough for a smooth progress bar and a prompt stop.
  public static let framesPerPiece = 2048

  private var file: CaptureFile
  private var pipeline: DetectionPipeline
  private let segment: String
  private let offset: TimeSpan
  private var isFinished = false
  private var engineLosses = EngineLosses()
  /// Sees each frame before it is analysed; its time without `offset`.
  var onFrame: ((Frame) -> Void)?
  /// What the engines had learned when the capture ended; kept on demand only.
  public private(set) var learned: [UInt8] = []
  private let keepsLearned: Bool
  public private(set) var figures = CaptureFigures()
  /// Why the capture ended before its time; what came before is analysed all the same.
  public private(set) var fault: CaptureFault?

  /// `name` stands in the reports for the file's own name. With `keepsLearned`, `learned` is there
  /// at the end. Throws when the file cannot be opened.
  public init(
    path: String, name: String? = nil, setup: PipelineSetup, offset: TimeSpan = .zero,
    keepsLearned: Bool = false
  ) throws(CaptureFault) {
    file = try CaptureFile(path: path)
    pipeline = setup.pipeline(capture: name ?? CaptureName.of(path))
    segment = setup.context.segment
    self.offset = offset
    self.keepsLearned = keepsLearned
  }

  public var losses: [String: UInt64] { figures.losses }
  /// Event time reached.
  public var time: CaptureTime { pipeline.time }
  public var bytesRead: UInt64 { file.bytesRead }
  /// The file's size; nil for a pipe.
  public var totalBytes: UInt64? { file.totalBytes }
  public var statistics: FlowStatistics { pipeline.statistics }

  /// Takes up what an earlier capture taught, before the first piece.
  public func load(_ profiles: ProfileFile) -> ProfileFile.Loading? {
    profiles.load(into: &pipeline)
  }

  public func next() -> LocalPiece? {
    guard !isFinished else { return nil }
    if readPiece() {
      pipeline.flush()
    } else {
      // What the capture's end cuts short is nothing to learn from.
      if keepsLearned { learned = pipeline.learned() }
      pipeline.finish()
      isFinished = true
    }
    updateLosses()
    return LocalPiece(
      reports: pipeline.drainReports().map(covered), watermark: pipeline.watermark)
  }

  /// false at the end of the capture, or at its fault.
  private func readPiece() -> Bool {
    var bytes: UInt64 = 0
    do throws(CaptureFault) {
      let count = try file.read(atMost: Self.framesPerPiece) { frame in
        bytes &+= UInt64(frame.wireLength)
        onFrame?(frame)
        pipeline.take(
          frame.bytes, linkType: frame.linkType, wireLength: frame.wireLength,
          time: frame.time + offset, lasts: true)
      }
      figures.packets &+= UInt64(count)
      figures.bytes &+= bytes
      return count > 0
    } catch {
      fault = error
      figures.packets = file.packetCount
      figures.bytes &+= bytes
      figures.losses["capture.fault"] = 1
      return false
    }
  }

  private func updateLosses() {
    figures.losses.merge(pipeline.statistics.losses) { _, new in new }
    engineLosses.update(&figures.losses, of: pipeline, hasEnded: isFinished)
  }

  private func covered(_ report: Report) -> Report {
    var report = report
    if report.coverage.segments.isEmpty, !segment.isEmpty { report.coverage.segments = [segment] }
    return report
  }
}

/// What reports call a capture: the file's last path component, wherever it lies.
public enum CaptureName {
  public static func of(_ path: String) -> String {
    path == "-" ? "standard input" : path.split(separator: "/").last.map(String.init) ?? path
  }
}

extension FlowStatistics {
  /// What was left out, shortened or bent, by counter name; only what happened.
  var losses: [String: UInt64] {
    [
      "flows.evicted-unanswered": evictedUnanswered, "flows.evicted-answered": evictedAnswered,
      "flows.refused-packets": refusedPackets, "flows.judged-early": judgedEarly,
      "packets.clamped-times": clampedTimes, "packets.doubted-times": doubtedTimes,
      "fragments.evicted": fragments.evicted,
      "fragments.refused": fragments.refused,
    ].filter { $0.value > 0 }
  }
}
