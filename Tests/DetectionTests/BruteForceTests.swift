import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct BruteForceTests {
  /// The capture also holds a backup job that logs in to two hosts.
  @Test(arguments: [1.0, 10, 100]) func guessingByParallelSessionsIsFound(slower: Double) throws {
    let reports = try Lab.detections("ssh-guessing", slower: slower)
    #expect(reports.map(\.story) == ["access.brute-force 203.0.113.66 > 10.10.1.30"])
    #expect(reports.first?.text("service") == "ssh")
    #expect(reports.first?.count("attempts") == 9)
  }

  @Test func guessingAnFtpPasswordIsFoundAndDownloadsAreNot() throws {
    let reports = try Lab.attacks("ftp-guessing")
    #expect(reports.map(\.story) == ["access.brute-force 203.0.113.66 > 10.10.1.21"])
    #expect(reports.first?.text("service") == "ftp")
  }

  @Test func aCheckEveryHalfMinuteIsNoGuessing() throws {
    var story = try Story(BruteForce(DetectionContext()))
    for _ in 0..<500 {
      story.wait(30)
      try story.session("10.1.1.5", "10.1.1.9", 22, lasting: 0.4, out: 1900, back: 2100)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func guessesOneByOneAreFound() throws {
    var story = try Story(BruteForce(DetectionContext()))
    for _ in 0..<12 {
      story.wait(4.2)
      try story.session("10.1.1.5", "10.1.1.9", 22, lasting: 4, out: 1500, back: 1900)
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["access.brute-force 10.1.1.5 > 10.1.1.9"])
  }

  @Test func parallelTransfersAreNoGuessing() throws {
    var story = try Story(BruteForce(DetectionContext()))
    for _ in 0..<30 {
      story.wait(1)
      try story.contact(.established, "10.1.1.5", "10.1.1.9", 40_123)
      try story.session("10.1.1.5", "10.1.1.9", 21, lasting: 5, out: 90, back: 400)
    }
    for _ in 0..<30 {
      story.wait(1)
      try story.session("10.1.1.6", "10.1.1.9", 22, lasting: 5, out: 4000, back: 400_000)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test(arguments: [(24, 0), (120, 1)])
  func aMailClientWithAnOldPasswordIsNoGuessingAsAToolIs(sessions: Int, reports: Int) throws {
    var story = try Story(BruteForce(DetectionContext()))
    for _ in 0..<sessions {
      story.wait(0.5)
      try story.session("10.1.1.5", "10.1.1.9", 143, lasting: 2, out: 90, back: 200)
    }
    #expect(story.finish().count == reports)
  }

  @Test func mailThatIsDeliveredIsNoGuessing() throws {
    var story = try Story(BruteForce(DetectionContext()))
    for _ in 0..<60 {
      story.wait(0.5)
      try story.session("10.1.1.5", "10.1.1.9", 25, lasting: 2, out: 2400, back: 700)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}
