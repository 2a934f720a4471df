/// Names of operating systems in one form, so that what scanners, rules and people write can be held
/// against each other.
public enum OSFamily {
  /// Words that give a family away, the telling ones first: a network camera's "Linux" comes after
  /// what is none.
  private static let marks: [(word: String, family: String)] = [
    ("windows", "windows"), ("microsoft", "windows"),
    ("android", "android"), ("chrome os", "linux"),
    ("mac os", "macos"), ("macos", "macos"), ("mac_os", "macos"), ("darwin", "macos"),
    ("os x", "macos"), ("os_x", "macos"),
    ("iphone", "ios"), ("apple ios", "ios"),
    ("freebsd", "bsd"), ("openbsd", "bsd"), ("netbsd", "bsd"), ("dragonfly", "bsd"),
    ("solaris", "solaris"), ("sunos", "solaris"), ("illumos", "solaris"),
    ("aix", "aix"), ("hp-ux", "hp-ux"),
    ("cisco", "cisco"), ("junos", "junos"),
    ("linux", "linux"), ("debian", "linux"), ("ubuntu", "linux"), ("red hat", "linux"),
    ("rhel", "linux"), ("centos", "linux"), ("fedora", "linux"), ("suse", "linux"),
    ("alpine", "linux"),
  ]

  /// The longest text that is looked at, in characters.
  static let textLimit = 128

  /// `linux`, `windows`, `macos`, `bsd`, …; a name of one word that fits none stands for itself. nil
  /// for what names no system.
  public static func name(_ text: some StringProtocol) -> String? {
    let lowered = text.prefix(textLimit).lowercased()
    if let mark = marks.first(where: { contains(lowered, $0.word) }) { return mark.family }
    let isWord =
      !lowered.isEmpty && lowered.utf8.count <= 63
      && lowered.utf8.allSatisfy { (97...122).contains($0) || $0.isDigit || $0 == 45 }
    return isWord && !["unknown", "embedded", "any", "other"].contains(lowered) ? lowered : nil
  }

  /// Whether the word stands there by itself, or as the start of a longer one ("windows10"), but not
  /// within one.
  private static func contains(_ text: String, _ word: String) -> Bool {
    let (text, word) = (Array(text.utf8), Array(word.utf8))
    guard text.count >= word.count else { return false }
    for start in 0...text.count - word.count
    where text[start..<start + word.count].elementsEqual(word) {
      if start == 0 || !(97...122).contains(text[start - 1]) { return true }
    }
    return false
  }
}
