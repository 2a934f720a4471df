import Flows

/// How a shell and its user sound: prompts, what well-known commands answer, and the commands.
enum ShellTalk {
  /// Bytes of a turn that are read.
  static let readLimit = 256

  private static let outputs: [(StaticString, Double)] = [
    ("no job control in this shell", 1), ("cannot set terminal process group", 1),
    ("job control turned off", 1), ("can't access tty", 1), ("can't find tty", 1),
    ("microsoft windows [version", 1), ("(c) microsoft corporation", 0.7),
    ("windows powershell", 0.8), ("volume serial number", 0.8), ("directory of c:", 0.9),
    ("windows ip configuration", 0.8), ("is not recognized as an internal", 0.9),
    ("nt authority\\", 0.9), ("root:x:0:0:", 0.9), (" gid=", 0.3), ("groups=", 0.3),
    ("drwxr", 0.5), ("-rw-r--r--", 0.4), ("command not found", 0.7), (": not found", 0.3),
    ("permission denied", 0.3), ("no such file or directory", 0.4), ("#1 smp", 0.6),
    ("gnu/linux", 0.5), ("link/ether", 0.5), ("inet 127.0.0.1", 0.7), ("loopback", 0.3),
    ("uid pid", 0.4), ("pid tty", 0.6), ("meterpreter", 0.9), ("darwin kernel version", 0.8),
    ("%cpu %mem", 0.9), ("1k-blocks", 0.7), ("mounted on", 0.5), ("recv-q", 0.7),
    ("load average:", 0.5), ("qdisc ", 0.7), ("127.0.0.1\tlocalhost", 0.5),
    ("127.0.0.1 localhost", 0.5), ("/usr/bin:/bin", 0.5),
  ]

  /// All outputs, and what an identity begins with.
  private static let matcher = TokenMatcher(outputs.map { "\($0.0)" } + ["uid="], foldsCase: true)

  /// How much bytes sound like what a shell says, 0 and up, and like commands.
  static func weights(_ sample: [UInt8]) -> (output: Double, input: Double) {
    let bytes = sample.prefix(readLimit)
    return isText(bytes) ? (output(bytes), input(bytes)) : (0, 0)
  }

  private static func output(_ bytes: ArraySlice<UInt8>) -> Double {
    var met: UInt64 = 0
    matcher.scan(bytes) { index, _ in met |= 1 << UInt64(index) }
    var weight = 0.0
    if met == 0 { return prompt(bytes) }
    for index in outputs.indices where met >> UInt64(index) & 1 != 0 { weight += outputs[index].1 }
    if met >> UInt64(outputs.count) != 0, hasIdentity(bytes) { weight += 0.9 }
    return weight + prompt(bytes)
  }

  /// `uid=0(root)`.
  private static func hasIdentity(_ bytes: ArraySlice<UInt8>) -> Bool {
    var rest = bytes
    while let place = rest.firstIndex(of: 0x75) {
      rest = rest[place...]
      if rest.begins("uid=") {
        let number = rest.dropFirst(4).prefix { $0.isDigit }
        if !number.isEmpty, number.endIndex < rest.endIndex, rest[number.endIndex] == 0x28 {
          return true
        }
      }
      rest = rest.dropFirst()
    }
    return false
  }

  /// What the last line ends with: `$ `, `# `, `C:\…>`, with more before it the surer.
  private static func prompt(_ bytes: ArraySlice<UInt8>) -> Double {
    // Without one of $ # % > no line is a prompt.
    guard bytes.contains(where: { $0 >= 0x23 && $0 <= 0x25 || $0 == 0x3e }) else { return 0 }
    var best = 0.0
    for line in bytes.split(separator: 0x0a).suffix(6) {
      let text = clean(line)
      guard !text.isEmpty, text.count <= 100 else { continue }
      let isLast = line.endIndex == bytes.endIndex
      best = max(best, promptWorth(text, isLast: isLast))
    }
    return best
  }

  /// Without escape sequences that colour a prompt, and without trailing blanks.
  private static func clean(_ line: ArraySlice<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    var isEscape = false
    for byte in line {
      if byte == 0x1b {
        isEscape = true
      } else if isEscape {
        isEscape = !(byte.isLetter || byte == 0x07)
      } else if byte >= 0x20 {
        text.append(byte)
      }
    }
    return text
  }

  private static func promptWorth(_ text: [UInt8], isLast: Bool) -> Double {
    // C:\Users\x> and PS C:\>, with or without a command behind.
    let start = text.starts(with: Array("PS ".utf8)) ? 3 : 0
    if text.count > start + 3, text[start].isLetter, text[start + 1] == 0x3a,
      text[start + 2] == 0x5c, text.contains(0x3e)
    {
      return 0.9
    }
    for mark: UInt8 in [0x24, 0x23, 0x25] {
      guard let place = text.firstIndex(of: mark), place + 1 < text.count || isLast else {
        continue
      }
      guard place + 1 == text.count || text[place + 1] == 0x20 else { continue }
      let name = text[..<place]
      let isAtEnd = place + 2 >= text.count
      if name.contains(0x40), name.contains(0x3a) || name.contains(0x20) { return 0.9 }
      if name.begins("sh-") || name.begins("bash-") || name.begins("[") { return 0.9 }
      if name.isEmpty, isAtEnd, isLast, text.count == 2 { return 0.6 }
      if isAtEnd, isLast, name.count <= 32 { return 0.3 }
    }
    return 0
  }

  private static let commands: [StaticString] = [
    "id", "whoami", "uname", "ls", "cat", "pwd", "ifconfig", "ip a", "ip addr", "ip route", "ps",
    "netstat", "ss -", "ipconfig", "dir", "net user", "net view", "net localgroup", "systeminfo",
    "hostname", "cd", "echo", "python", "export", "wget", "curl", "chmod", "sudo", "su", "exit",
    "uptime", "w", "who", "last", "env", "set", "find /", "history", "tasklist", "type", "mkdir",
    "cp", "mv", "rm", "crontab", "ping", "arp", "bash", "sh", "stty", "script", "powershell", "ver",
    "which", "head", "tail", "grep", "df", "mount", "lsb_release", "perl", "tar", "nc", "touch",
    "nohup", "kill", "passwd", "useradd", "iptables", "schtasks", "reg query", "copy", "del",
  ]

  /// Short lines that begin with a command, each 0.5.
  private static func input(_ bytes: ArraySlice<UInt8>) -> Double {
    guard bytes.contains(0x0a) || bytes.contains(0x0d) else { return 0 }
    var weight = 0.0
    var lines = 0
    var start = bytes.startIndex
    while start < bytes.endIndex, lines < 8 {
      let end = bytes[start...].firstIndex { $0 == 0x0a || $0 == 0x0d || $0 == 0x3b }
      if start < end ?? bytes.endIndex {
        lines += 1
        let text = bytes[start..<(end ?? bytes.endIndex)].drop { $0 == 0x20 }
        if text.count <= 200, isCommand(text) { weight += 0.5 }
      }
      start = (end ?? bytes.endIndex) + 1
    }
    return min(weight, 1.5)
  }

  /// A digest of the word that a turn begins with, to tell commands apart.
  static func word(_ sample: [UInt8]) -> UInt64 {
    sample.drop { $0 <= 0x20 }.prefix { $0 > 0x20 && $0 != 0x3b }.digest
  }

  /// The commands by their first byte.
  private static let commandsByLead: [[StaticString]] = (0..<256).map { lead in
    commands.filter { Int($0.utf8Start[0]) == lead }
  }

  private static func isCommand(_ text: ArraySlice<UInt8>) -> Bool {
    guard let lead = text.first else { return false }
    for command in commandsByLead[Int(lead.lowered)] where text.begins(command) {
      let end = text.startIndex + command.utf8CodeUnitCount
      // `ss -tln`, `find /home`: the word ends inside the command.
      if end == text.endIndex || [0x2d, 0x2f].contains(text[end - 1]) { return true }
      switch text[end] {
      case 0x20, 0x26, 0x7c, 0x3b, 0x3e: return true
      default: break
      }
    }
    return lead == 0x2f && (text.begins("/bin/") || text.begins("/usr/bin/"))
  }

  /// Whether the first words of a conversation are a program that the other side is to run in place:
  /// its length in four bytes, or an image that begins with code that loads itself, as stagers of
  /// Metasploit expect it.
  static func isStage(_ bytes: [UInt8]) -> Bool {
    guard bytes.count >= 64 else { return false }
    let start = bytes.prefix(8)
    // `MZ` and then pop, push, mov or a call of the next instruction.
    if start.starts(with: [0x4d, 0x5a, 0x41, 0x52, 0x55, 0x48, 0x89, 0xe5])
      || start.starts(with: [0x4d, 0x5a, 0xe8, 0, 0, 0, 0])
    {
      return true
    }
    let length = (0..<4).reversed().reduce(0) { $0 << 8 | Int(bytes[$1]) }
    guard length >= 1 << 14, length <= 1 << 24 else { return false }
    let image = bytes[4..<8]
    return image.starts(with: [0x4d, 0x5a]) || image.elementsEqual([0x7f, 0x45, 0x4c, 0x46])
  }

  /// Whether the turn ends within a line, as behind a prompt; of a turn that was cut nothing is
  /// known.
  static func leavesLineOpen(_ sample: [UInt8]) -> Bool {
    guard let last = sample.last, sample.count < PayloadSample.limit else { return false }
    return last != 0x0a && last != 0x0d
  }

  /// Whether a line begins with what a shell says, and does not quote it.
  static func beginsLine(_ sample: [UInt8]) -> Bool {
    sample.prefix(readLimit).split(separator: 0x0a).prefix(8).contains { line in
      line.begins("uid=") || outputs.contains { line.begins($0.0) }
    }
  }

  static func isText(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard !bytes.isEmpty else { return false }
    return bytes.withUnsafeBytes { bytes in
      // Eight at once where none is a control character, as nearly everywhere in text.
      var strange = 0
      var place = 0
      while place < bytes.count {
        if place &+ 8 <= bytes.count,
          !hasControl(bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
        {
          place &+= 8
          continue
        }
        let end = Swift.min(place &+ 8, bytes.count)
        while place < end {
          if isStrange(bytes[place]) { strange &+= 1 }
          place &+= 1
        }
        if strange &* strangeShare > bytes.count { return false }
      }
      return true
    }
  }

  /// One in so many bytes of text may be strange.
  private static let strangeShare = 20

  /// BEL, BS, HT, LF, CR and ESC belong to a terminal's talk; other control characters are strange.
  @inline(__always) private static func isStrange(_ byte: UInt8) -> Bool {
    guard byte < 0x20 || byte == 0x7f else { return false }
    let usual: UInt32 = 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 13 | 1 << 27
    return byte == 0x7f || usual &>> UInt32(byte) & 1 == 0
  }

  /// Whether one of eight bytes is below 0x20, or 0x7f: a byte from which more is taken than it has
  /// borrows into its highest bit.
  @inline(__always) private static func hasControl(_ bytes: UInt64) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let other = bytes ^ ones &* 0x7f
    let early = (bytes &- ones &* 0x20) & ~bytes
    let delete = (other &- ones) & ~other
    return (early | delete) & ones &* 0x80 != 0
  }
}
