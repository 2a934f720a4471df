import Analysis
import Reports
import Response
import Terms

@testable import Monitoring

/// Turns every report of a child into a conclusion about it, and says so again a second later.
struct Echo: AnalysisEngine {
  private var due: [(time: CaptureTime, id: ReportID)] = []

  var nextDeadline: CaptureTime { due.first?.time ?? .distantFuture }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    emit(event.id, at: event.emitted, into: &sink)
    due.append((event.emitted + .seconds(1), event.id))
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    while let first = due.first, first.time <= now {
      due.removeFirst()
      emit(first.id, at: first.time, into: &sink)
    }
  }

  private func emit(_ id: ReportID, at time: CaptureTime, into sink: inout ReportSink) {
    var report = sink.opening(
      .firstContacts, .evidence, subject: "\(id)", first: time, last: time, at: time, severity: 0,
      confidence: 1)
    report.derivedFrom = [id]
    sink.emit(report)
  }
}

func name(_ text: String) -> MonitorName {
  guard let name = MonitorName(text) else { preconditionFailure("no monitor name: \(text)") }
  return name
}

func seconds(_ value: Double) -> CaptureTime { CaptureTime(seconds: 1_000_000 + value) }

func evidence(_ monitor: String, at time: Double, subject: String = "epoch") -> Report {
  ReportSink(monitor: name(monitor), tier: .local).opening(
    .firstContacts, .evidence, subject: subject, first: seconds(time), last: seconds(time),
    at: seconds(time), severity: 0, confidence: 1)
}

func detection(_ monitor: String, at time: Double, revision: UInt32 = 0) -> Report {
  var report = ReportSink(monitor: name(monitor), tier: .local).opening(
    .portScan, subject: "\(time)", first: seconds(time), last: seconds(time), at: seconds(time),
    severity: 5, confidence: 1)
  report.revision = revision
  return report
}

func makeLane(_ children: [String]) -> CorrelationLane {
  CorrelationLane(
    name: .live, monitor: name("hq"), tier: .domain, expecting: children.map(name),
    engines: [Echo()], resolver: Resolver(monitor: name("hq"), tier: .domain))
}
