/// Words that attacks on web applications contain, each with its weight and what must stand around
/// it. Weights add up to a score; 1 is enough by itself. Words that also occur in ordinary requests
/// weigh little, so that only their company condemns them.
struct WebToken: Sendable {
  /// What must stand around the word.
  enum Check: Sendable {
    case none
    /// No letter, digit or underscore before it.
    case word
    /// An opening parenthesis behind it (blanks allowed), and no `.` or letter before it.
    case call
    /// The same; worth half as much again behind an operator or a keyword of SQL.
    case sqlCall
    /// UNION [ALL | DISTINCT] SELECT and what a column list begins with.
    case union
    /// OR, AND, XOR, HAVING, `||` and a comparison of two literals.
    case tautology
    /// `;` and an SQL statement.
    case stacked
    /// A shell's separator before it, an end of word behind it.
    case command
    /// As `command`, for words that are also English.
    case plainCommand
    /// An event handler's name and `=`, inside a tag or behind a quote.
    case handler
    /// A tag; where words stand around it as around any other word, it is only mentioned.
    case tag
    /// A value begins here.
    case value
    /// `() {` where a value begins: bash takes it for a function (CVE-2014-6271).
    case function
    /// A quote before the comment.
    case comment
    /// An entity of XML that is fetched: SYSTEM or PUBLIC stands behind its name.
    case entity
    /// An object as PHP writes it: `O:8:"Name":3:{`.
    case object
  }

  var text: String
  var technique: WebTechnique
  var weight: Double
  var check: Check

  init(_ text: String, _ technique: WebTechnique, _ weight: Double, _ check: Check = .none) {
    self.text = text
    self.technique = technique
    self.weight = weight
    self.check = check
  }

  var isHandler: Bool { check == .handler }

  static let all = sql + scripts + files + commands + programs + code

  static let matcher = TokenMatcher(all.map(\.text))

  private static let sql: [WebToken] =
    [
      .init("union", .sqli, 1, .union),
      .init("information_schema", .sqli, 0.9), .init("sysobjects", .sqli, 0.8),
      .init("sqlite_master", .sqli, 0.8), .init("sqlite_version", .sqli, 0.6, .call),
      .init("@@version", .sqli, 0.8), .init("pg_catalog", .sqli, 0.6),
      .init("load_file", .sqli, 0.9, .call), .init("into outfile", .sqli, 0.9),
      .init("into dumpfile", .sqli, 0.9), .init("group_concat", .sqli, 0.8, .call),
      .init("concat(0x", .sqli, 0.8), .init("extractvalue", .sqli, 0.8, .call),
      .init("updatexml", .sqli, 0.8, .call), .init("sleep", .sqli, 0.7, .sqlCall),
      .init("benchmark", .sqli, 0.7, .sqlCall), .init("pg_sleep", .sqli, 1, .call),
      .init("waitfor delay", .sqli, 1), .init("dbms_pipe.", .sqli, 1),
      .init("dbms_lock.", .sqli, 1), .init("utl_inaddr.", .sqli, 1),
      .init("utl_http.", .sqli, 1), .init("xp_cmdshell", .sqli, 1),
      .init("xp_dirtree", .sqli, 1), .init("sp_executesql", .sqli, 0.8),
      .init("exec master", .sqli, 1), .init("convert(int", .sqli, 0.6),
      .init("char(", .sqli, 0.3), .init("select ", .sqli, 0.15, .word),
      .init("(select", .sqli, 0.6), .init(" from ", .sqli, 0.1), .init("order by ", .sqli, 0.3),
      .init("' order by ", .sqli, 0.9), .init(") order by ", .sqli, 0.4),
      .init("' or ", .sqli, 0.5), .init("' and ", .sqli, 0.4), .init(" like '", .sqli, 0.5),
      .init("substring", .sqli, 0.4, .sqlCall), .init("substr", .sqli, 0.3, .sqlCall),
      .init("ascii", .sqli, 0.3, .sqlCall), .init("version()", .sqli, 0.4),
      .init("database()", .sqli, 0.6), .init("user()", .sqli, 0.3),
      // Operators of MongoDB in the place of values.
      .init("[$ne]", .sqli, 1), .init("[$gt]", .sqli, 1), .init("[$regex]", .sqli, 1),
      .init("[$nin]", .sqli, 1), .init("\"$ne\":null", .sqli, 0.8),
      .init("\"$gt\":\"\"", .sqli, 0.8),
      .init("\"$ne\":\"\"", .sqli, 0.8), .init("\"$where\"", .sqli, 0.8),
      .init("case when", .sqli, 0.5), .init("floor(rand(", .sqli, 0.8),
      .init("or", .sqli, 1, .tautology), .init("and", .sqli, 1, .tautology),
      .init("xor", .sqli, 1, .tautology), .init("having", .sqli, 1, .tautology),
      .init("||", .sqli, 1, .tautology), .init("&&", .sqli, 1, .tautology),
      .init(";", .sqli, 1, .stacked), .init("--", .sqli, 0.5, .comment),
      .init("#", .sqli, 0.4, .comment), .init("/*", .sqli, 0.4, .comment),
    ]

  private static let scripts: [WebToken] =
    [
      .init("<script", .xss, 1, .tag), .init("</script", .xss, 0.5),
      .init("javascript:", .xss, 0.6),
      .init("vbscript:", .xss, 0.8), .init("data:text/html", .xss, 0.8),
      .init("document.cookie", .xss, 0.7), .init("document.write", .xss, 0.6),
      .init("document.domain", .xss, 0.5), .init("string.fromcharcode", .xss, 0.7),
      .init("'-alert(", .xss, 0.7), .init("\"-alert(", .xss, 0.7), .init("alert", .xss, 0.4, .call),
      .init("prompt", .xss, 0.3, .call),
      .init("confirm", .xss, 0.3, .call), .init("eval", .xss, 0.4, .call),
      .init("<iframe", .xss, 0.8), .init("<object", .xss, 0.4), .init("<embed", .xss, 0.5),
      .init("<svg", .xss, 0.5), .init("<img", .xss, 0.2), .init("<math", .xss, 0.4),
      .init("<details", .xss, 0.3), .init("<marquee", .xss, 0.3), .init("<body", .xss, 0.3),
      .init("jav\tascript:", .xss, 0.6), .init("jav\nascript:", .xss, 0.6),
      .init("srcdoc=", .xss, 0.6), .init("expression(", .xss, 0.4),
      .init("on", .xss, 0.8, .handler),
    ]

  private static let files: [WebToken] =
    [
      .init("/etc/passwd", .fileInclusion, 0.8), .init("/etc/shadow", .fileInclusion, 0.9),
      .init("/etc/hosts", .fileInclusion, 0.4), .init("/etc/group", .fileInclusion, 0.6),
      .init("/proc/self/", .fileInclusion, 0.9), .init("/.ssh/", .fileInclusion, 0.8),
      .init("id_rsa", .fileInclusion, 0.5), .init("boot.ini", .fileInclusion, 0.8),
      .init("win.ini", .fileInclusion, 0.8), .init("system32", .fileInclusion, 0.7),
      .init("/var/log/", .fileInclusion, 0.4), .init("web-inf/web.xml", .fileInclusion, 0.9),
      .init("php://", .fileInclusion, 1), .init("expect://", .fileInclusion, 1),
      .init("phar://", .fileInclusion, 1), .init("zip://", .fileInclusion, 0.8),
      .init("data://", .fileInclusion, 0.8), .init("file:///", .fileInclusion, 0.9),
      .init("gopher://", .fileInclusion, 1), .init("dict://", .fileInclusion, 0.9),
      .init("169.254.169.254", .fileInclusion, 0.9), .init("latest/meta-data", .fileInclusion, 0.5),
      .init("computemetadata/", .fileInclusion, 0.6), .init("100.100.100.200", .fileInclusion, 0.9),
      .init("metadata.google.internal", .fileInclusion, 0.9),
      .init("169.254.170.2/", .fileInclusion, 0.9), .init("*~1*", .fileInclusion, 1),
      // What lies about where nobody should see it: faint, for each may be one's own.
      .init("/.env", .fileInclusion, 0.7), .init("/.git/config", .fileInclusion, 0.7),
      .init("/.git/head", .fileInclusion, 0.5), .init("/.svn/", .fileInclusion, 0.6),
      .init("/.aws/credentials", .fileInclusion, 0.9), .init("/.htpasswd", .fileInclusion, 0.8),
      .init("/wp-config.php", .fileInclusion, 0.6), .init("/web.config", .fileInclusion, 0.4),
      .init("/phpinfo.php", .fileInclusion, 0.4), .init("/.docker", .fileInclusion, 0.4),
    ]

  private static let commands: [WebToken] =
    [
      "whoami", "uname", "ifconfig", "ipconfig", "netstat", "wget", "curl", "nslookup", "bash",
      "chmod", "ncat", "busybox", "/bin/", "/usr/bin/", "powershell", "cat /", "nc -",
      "ls -", "ls /", "ping -", "id;", "id|", "tftp", "uname -a", "perl -", "python -", "python3 -",
      "php -", "type c:", "dir c:", "net user", "rm -", "printenv", "systeminfo",
    ].map { WebToken($0, .commandInjection, 1, .command) }
    + [
      "id", "ls", "ping", "sleep ", "echo", "cat", "dir", "ps", "env", "pwd", "sh", "set",
      "hostname", "phpinfo",
    ].map { WebToken($0, .commandInjection, 0.7, .plainCommand) }
    + [
      .init("/bin/sh", .commandInjection, 0.6), .init("/bin/bash", .commandInjection, 0.6),
      .init("/dev/tcp/", .commandInjection, 0.9), .init("${ifs}", .commandInjection, 1),
      .init("$ifs", .commandInjection, 1), .init("cmd.exe", .commandInjection, 0.8),
      .init("cmd /c", .commandInjection, 0.8), .init("nc -e", .commandInjection, 0.8),
      .init("wget http", .commandInjection, 0.7), .init("curl http", .commandInjection, 0.4),
      .init("$(", .commandInjection, 0.2), .init("$((", .commandInjection, 0.4),
      .init("powershell -", .commandInjection, 0.7),
      .init("mkfifo", .commandInjection, 0.6), .init("base64 -d", .commandInjection, 0.6),
    ]

  private static let programs: [WebToken] =
    [
      "/phf", "/test-cgi", "/nph-test-cgi", "/php.cgi", "/handler.cgi", "/webdist.cgi",
      "/campas", "/websendmail", "/aglimpse", "/faxsurvey", "/htmlscript", "/wwwboard.pl",
      "/view-source", "/info2www", "/webgais", "/man.sh", "/jj", "/textcounter.pl",
    ].map { WebToken("/cgi-bin" + $0, .cgi, 1) }
    + [
      .init("/cgi-bin/php", .cgi, 0.4), .init("allow_url_include", .cgi, 0.9),
      .init("auto_prepend_file", .cgi, 0.9), .init("/iisadmpwd/", .cgi, 0.9),
      .init("/msadc/msadcs.dll", .cgi, 0.9), .init("::$data", .cgi, 0.9),
      .init("/_vti_bin/", .cgi, 0.3), .init("perl.exe", .cgi, 0.8), .init("+.htr", .cgi, 0.9),
      .init("() {", .shellshock, 1, .function), .init("(){", .shellshock, 1, .function),
      .init("()\t{", .shellshock, 1, .function), .init("()  {", .shellshock, 1, .function),
    ]

  private static let code: [WebToken] =
    [
      .init("{{7*", .codeInjection, 1), .init("${7*", .codeInjection, 1),
      .init("{{request.", .codeInjection, 0.8), .init("{{config", .codeInjection, 0.6),
      .init("__builtins__", .codeInjection, 0.8),
      .init("__class__", .codeInjection, 0.8), .init("__globals__", .codeInjection, 0.8),
      .init("class.module.classloader", .codeInjection, 1), .init("%{(#", .codeInjection, 1),
      .init("ognl.", .codeInjection, 0.9), .init("@java.lang", .codeInjection, 0.9),
      .init("java.lang.runtime", .codeInjection, 1), .init("processbuilder", .codeInjection, 0.7),
      .init("<!entity", .codeInjection, 1, .entity),
      .init("rO0ABX".lowercased(), .codeInjection, 1),
      .init("#{7*", .codeInjection, 1), .init("<%=", .codeInjection, 0.6),
      .init("%>", .codeInjection, 0.4), .init("<%eval", .codeInjection, 0.9),
      .init("<%@", .codeInjection, 0.5), .init("getruntime()", .codeInjection, 0.9),
      .init("__mro__", .codeInjection, 0.8), .init("__subclasses__", .codeInjection, 0.9),
      .init("java.lang.", .codeInjection, 0.4), .init("class.forname(", .codeInjection, 0.6),
      .init("scriptenginemanager", .codeInjection, 0.7), .init("\".execute()", .codeInjection, 0.8),
      .init("securegroovyscript", .codeInjection, 0.9), .init("[#post_render]", .codeInjection, 1),
      .init("[#markup]", .codeInjection, 0.6), .init("widgetconfig[code]", .codeInjection, 0.9),
      .init(":{", .codeInjection, 1, .object), .init("invocationhandler", .codeInjection, 0.5),
      .init("commons.collections", .codeInjection, 0.6),
      .init("templatesimpl", .codeInjection, 0.6),
      .init("*)(", .codeInjection, 0.6), .init(")(|(", .codeInjection, 0.5),
      .init("\nset-cookie:", .codeInjection, 1), .init("\nlocation:", .codeInjection, 0.9),
      .init("=phpinfo(", .codeInjection, 1), .init("eval(base64_decode(", .codeInjection, 1),
      .init("system(\"", .codeInjection, 0.6), .init("system('", .codeInjection, 0.6),
      .init("system(", .codeInjection, 0.4), .init("passthru(", .codeInjection, 0.7),
      .init("shell_exec(", .codeInjection, 0.8), .init("base64_decode(", .codeInjection, 0.5),
      .init("<?php", .codeInjection, 0.7), .init("invokefunction&function=", .codeInjection, 1),
    ]
}
