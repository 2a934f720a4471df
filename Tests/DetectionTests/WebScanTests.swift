import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct WebScanTests {
  @Test(arguments: [0.02, 2, 20]) func aSearchForPathsIsFound(pause: Double) throws {
    var story = try SessionStory(WebScan(DetectionContext()))
    for index in 0..<80 {
      story.wait(pause)
      try story.ask(
        "GET /word\(index)\nUser-Agent: Mozilla/5.0", status: index % 9 == 0 ? 200 : 404)
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["recon.web-scan 203.0.113.5 > 10.10.1.10"])
    #expect(told.first?.count("failures") == 71)
  }

  @Test func aToolThatNamesItselfIsFoundSooner() throws {
    var story = try SessionStory(WebScan(DetectionContext()))
    for index in 0..<8 {
      try story.ask("GET /w\(index)\nUser-Agent: Mozilla/5.0 (Nikto/2.1.6)", status: 404)
    }
    let told = story.finish()
    #expect(told.count == 1)
  }

  @Test(arguments: ["/.env", "/app/.git/config", "/wp-config.php.bak", "/.AWS/credentials"])
  func askingForWhatNobodyShowsIsASearchAtOnce(path: String) throws {
    var story = try SessionStory(WebScan(DetectionContext()))
    try story.ask("GET \(path)?x=1\nUser-Agent: Mozilla/5.0", status: 404)
    let told = story.finish()
    #expect(told.map(\.kind.text) == ["recon.web-scan"])
  }

  @Test func pathsThatOnlyLookLikeSecretsAreNone() throws {
    var story = try SessionStory(WebScan(DetectionContext()))
    for path in [
      "/docs/.env/guide.html", "/environment", "/tool.git/HEAD", "/tool.git/info/refs",
      "/.well-known/security.txt", "/wp-config.php", "/blog/why-id_rsa-is-old", "/",
    ] {
      try story.ask("GET \(path)\nUser-Agent: git/2.39", status: 404)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aCrawlerMayFindDeadLinks() throws {
    var story = try SessionStory(WebScan(DetectionContext()))
    for index in 0..<2000 {
      story.wait(0.1)
      try story.ask("GET /page\(index)\nUser-Agent: crawler", status: index % 5 == 0 ? 404 : 200)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aBrokenPageIsNoSearch() throws {
    var story = try SessionStory(WebScan(DetectionContext()))
    try story.ask("GET /gallery")
    for index in 0..<30 {
      try story.ask("GET /thumb\(index).png\nReferer: http://site/gallery", status: 404)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func askingForTheSameAgainAndAgainIsNoSearch() throws {
    var story = try SessionStory(WebScan(DetectionContext()))
    for _ in 0..<500 {
      story.wait(1)
      try story.ask("GET /favicon.ico", status: 404)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}
