import Terms
import Testing

@testable import Reports

@Suite struct AssessmentTests {
  private func rank(
    relevance: UInt8 = Assessment.neutral, value: UInt8 = 3, interest: Double = 0.5,
    outcome: Assessment.Outcome = .unknown, confidence: Double = 0.5
  ) -> Int {
    Int(
      Assessment(
        relevance: relevance, value: value, interest: interest, outcome: outcome,
        confidence: confidence
      ).rank)
  }

  @Test func whatIsUnknownSpeaksForNothing() {
    let tree = Assessment().tree
    for part in [tree.relevance, tree.outcome, tree.confidence] {
      #expect(part == RankTree.Belief.even)
    }
    // All that is left is the priority, and the belief is what that says.
    #expect(abs(tree.belief.mean - tree.priority.mean) < 1e-9)
  }

  @Test func eachPartRaisesTheRank() {
    for value in 0..<5 as Range<UInt8> { #expect(rank(value: value) < rank(value: value + 1)) }
    for relevance in stride(from: 0, to: 240, by: 16) as StrideTo<UInt8> {
      #expect(rank(relevance: relevance) < rank(relevance: relevance + 15))
    }
    for tenth in 0..<10 {
      let (low, high) = (Double(tenth) / 10, Double(tenth + 1) / 10)
      #expect(rank(interest: low) < rank(interest: high))
      #expect(rank(confidence: low) < rank(confidence: high))
    }
    #expect(rank(outcome: .failed) < rank())
    #expect(rank() < rank(outcome: .succeeded))
  }

  /// By hand, with the rows of the tables: value 2, even interest, a failure.
  @Test func theArithmeticIsTheDocumentedOne() {
    let tree = Assessment(value: 2, interest: 0.5, outcome: .failed).tree
    let ofPriority = (low: 0.18 / 0.51, medium: 0.20 / 0.51, high: 0.13 / 0.51)
    let message = [
      0.70 * ofPriority.low + 0.25 * ofPriority.medium + 0.05 * ofPriority.high,
      0.25 * ofPriority.low + 0.50 * ofPriority.medium + 0.25 * ofPriority.high,
      0.05 * ofPriority.low + 0.25 * ofPriority.medium + 0.70 * ofPriority.high,
    ]
    let weighed = [message[0] * 0.65, message[1] * 0.28, message[2] * 0.07]
    let sum = weighed.reduce(0, +)
    #expect(abs(tree.belief.low - weighed[0] / sum) < 1e-12)
    #expect(abs(tree.belief.high - weighed[2] / sum) < 1e-12)
    let mean = (weighed[1] / 2 + weighed[2]) / sum
    #expect(Int(tree.rank) == Int((255 * mean).rounded()))
  }

  @Test func everyInputHasARank() {
    for value in [-Double.infinity, -1, 2, 1e300, .infinity, .nan] {
      _ = Assessment(value: 255, interest: value, confidence: value).rank
    }
  }

  @Test func aClassIsLeftOnlyWhenTheRankIsWellBeyondIt() {
    #expect(RankClass(0) == .slight && RankClass(50) == .slight && RankClass(51) == .low)
    #expect(RankClass(204) == .urgent && RankClass(255) == .urgent)
    #expect(RankClass(57, before: .slight) == .slight)
    #expect(RankClass(61, before: .slight) == .low)
    #expect(RankClass(200, before: .urgent) == .urgent)
    #expect(RankClass(193, before: .urgent) == .high)
    #expect(RankClass(10, before: .urgent) == .slight)
    #expect(RankClass(153, before: .medium) == .medium && RankClass(152, before: .high) == .high)
  }
}

@Suite struct ProductRangeTests {
  @Test(arguments: [
    ("openssh < 9.8", "OpenSSH", "9.2p1 Debian 2", true),
    ("openssh < 9.2", "OpenSSH", "9.2p1", false),
    ("apache httpd <= 2.4.49", "Apache httpd", "2.4.49", true),
    ("apache httpd <= 2.4.49", "Apache httpd", "2.4.50", false),
    ("openssl < 1.0.1g", "OpenSSL", "1.0.1f", true),
    ("openssl < 1.0.1g", "OpenSSL", "1.0.1g", false),
    ("nginx = 1.18", "nginx", "1.18.0", true), ("nginx > 1.9", "nginx", "1.18.0", true),
  ])
  func versionsAreOrdered(range: String, name: String, version: String, holds: Bool) throws {
    let range = try #require(ProductRange(range))
    #expect(range.names(name))
    #expect(range.holds(version) == holds)
  }

  @Test func aRangeWithoutVersionsHoldsNone() throws {
    let iis = try #require(ProductRange("IIS"))
    #expect(iis.names("Microsoft IIS httpd") && !iis.names("nginx"))
    #expect(iis.holds("10.0") == nil)
    #expect(try #require(ProductRange("iis < 7")).holds("") == nil)
    #expect(ProductRange("") == nil && ProductRange("< 5") == nil && ProductRange("iis < x") == nil)
  }
}
